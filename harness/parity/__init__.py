"""The certificate: proof, or its absence, that both frameworks do the same work in a case.

testimony.py    in a worker: drive an adapter as timed trials do, write down what it holds and does
evidence.py     what one side wrote down, in a file without pickle
judge.py        the testimony of both sides -> findings (pure)
certificate.py  findings -> holds or not, and where not
"""

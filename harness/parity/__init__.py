"""The certificate: proof, or its absence, that both frameworks do the same work in a case.

testimony.py    in a worker: drive an adapter as timed trials do, write down what it holds and does
evidence.py     what one side wrote down, in a file without pickle
reference.py    the work done in NumPy, in float64
timed.py        the timed object itself, at whatever state, held against that
judge.py        testimony, and what it was held against -> findings (pure)
certificate.py  findings -> holds or not, and where not
"""

"""What the harness adds to the loop that it times: `python -m benchmarks.harness_overhead`.

A bare script is the other side: a plain program without a line of the harness that trains the same model
with the same calls. It and the harness's own worker take turns at the very same samples, as the two
frameworks do in a run, and the ratio of their speeds is judged as a run's is.
"""

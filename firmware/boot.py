# Runs before main.py. Kept empty of anything that can fail or block: it is the way back in when main.py is broken.

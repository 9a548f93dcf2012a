"""How a network is measured: parts of breadth.py and surgery.py, each run in a process of its own."""

"""The leaf, the teacher, both as a pair and the served system, as models of the library mteb.

mteb is an extra: it is imported when one of the functions here is called, which takes seconds.
"""

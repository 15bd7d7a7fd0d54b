"""Does a run that is killed at random moments end in the records of one left alone?"""

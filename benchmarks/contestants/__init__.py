"""Who takes part. Each script does the job as its users would write it, shares no code with the others, and is run as a process
of its own:

    SCRIPT BOOTSTRAP TOPIC OUTPUT_TOPIC FOLDER

It goes on where its last run in FOLDER ended and reads to the end of the topic. `catalogue.py` says where the averages are.
"""

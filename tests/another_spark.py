"""A shell in which somebody set another Spark up."""

ANOTHER_SPARK = {
    "SPARK_HOME": "/opt/spark-3.5",
    "SPARK_CONF_DIR": "/opt/spark-3.5/conf",
    "SPARK_REMOTE": "sc://elsewhere",
    "SPARK_MASTER": "yarn",
    "SPARK_LOCAL_HOSTNAME": "elsewhere",
    "PYSPARK_PYTHON": "/opt/python",
    "PYSPARK_DRIVER_PYTHON": "ipython",
    "PYSPARK_SUBMIT_ARGS": "--master yarn pyspark-shell",
    "PYTHONPATH": "/opt/spark-3.5/python",
    "PYTHONHOME": "/opt/python",
}
ELSEWHERE = "198.51.100.1"
"""Of the block for documentation, so no address of any machine."""

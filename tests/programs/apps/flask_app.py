import os
import sys

from flask import Flask, request

app = Flask(__name__)


@app.route("/")
def index():
    return f"pid={os.getpid()} peer={request.environ['REMOTE_ADDR']}:{request.environ['REMOTE_PORT']}\n"


app.run(host="127.0.0.1", port=int(sys.argv[1]))

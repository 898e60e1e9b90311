"""An app that asks its model something every second, with nothing but a base URL."""
import itertools
import json
import os
import time
import urllib.error
import urllib.request

URL = os.environ["OPENAI_BASE_URL"] + "/chat/completions"

for number in itertools.count():
    body = {"model": "assistant", "messages": [{"role": "user", "content": f"Ticket {number} of ana{number}@example.com: where is my parcel?"}]}
    headers = {"content-type": "application/json", "x-outrigger-tenant": f"shop-{number % 3}"}
    try:
        with urllib.request.urlopen(urllib.request.Request(URL, json.dumps(body).encode(), headers), timeout=30) as reply:
            print(reply.status, json.load(reply)["choices"][0]["message"]["content"])
    except urllib.error.HTTPError as refused:
        print(refused.code, refused.read().decode())
    except OSError as error:
        print(error)
    time.sleep(1)

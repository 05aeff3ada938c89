"""py-consul against a livezone. Arguments: its addresses for DNS and HTTP.

client.go takes the same steps.
"""

import http.server
import subprocess
import sys
import threading
import time
import urllib.request

import consul

DNS, HTTP = (address.rsplit(":", 1) for address in sys.argv[1:])
NAME = "py-web"
SOON = 10


class Backend(http.server.BaseHTTPRequestHandler):
    """Answers all checks with the same status."""

    status = 200

    def do_GET(self):
        self.send_response(Backend.status)
        self.end_headers()

    def log_message(self, *_):
        pass


def dig(name, rtype):
    """The status of the response, and the data of its answer section."""
    command = ["dig", "+noall", "+comments", "+answer", "+time=2", "+tries=1"]
    command += ["@" + DNS[0], "-p", DNS[1], f"{name}.service.internal.", rtype]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    status = next(line.split("status: ")[1].split(",")[0] for line in lines if "status: " in line)
    records = (line.split(None, 4) for line in lines if line and not line.startswith(";"))
    return status, sorted(record[4] for record in records)


def sees(step, wanted, name=NAME, rtype="A", within=0, status="NOERROR"):
    """Fails if dig does not see these answers in time; without a time, the first counts."""
    deadline = time.monotonic() + within
    while (seen := dig(name, rtype)) != (status, wanted) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert seen == (status, wanted), f"{step}: {name} {rtype}: {seen}, not {status} {wanted}"
    print(f"ok: {step}: {name} {rtype}: {status} {' '.join(wanted)}")


def same(step, seen, wanted):
    assert seen == wanted, f"{step}: {seen!r}, not {wanted!r}"
    print(f"ok: {step}: {seen!r}")


def becomes(step, ask, wanted):
    deadline = time.monotonic() + SOON
    while ask() != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    same(step, ask(), wanted)


def starts(agent, status):
    same("one server", len(agent.members()), 1)
    assert agent.self()["Config"]["Version"] and status.leader(), "what clients ask first"


def registers(agent, port):
    asked = consul.Check.http(f"http://127.0.0.2:{port}/", "1s", timeout="1s")
    one = {"service_id": "py-1", "address": "127.0.0.2", "port": port, "check": asked}
    assert agent.service.register(NAME, tags=["v1"], meta={"livezone-ttl": "1s"}, **one)
    sees("the first outcome of an HTTP check", ["127.0.0.2"], within=SOON)
    two = {"service_id": "py-2", "address": "127.0.0.3", "port": 81, "check": consul.Check.ttl("30s")}
    assert agent.service.register(NAME, tags=["v2"], meta={"a": "b"}, **two)
    sees("no heartbeat yet", ["127.0.0.2"])
    sees("by tag", [], name=f"v2.{NAME}")
    sees("with its port", [f"0 1 {port} py-1.{NAME}.service.internal."], f"_{NAME}._tcp", "SRV")


def beats(agent):
    both = ["127.0.0.2", "127.0.0.3"]
    beat = "service:py-2"
    of = lambda key: agent.checks()[beat][key]
    assert agent.check.ttl_pass(beat, notes="well")
    sees("pass", both)
    same("pass", (of("Status"), of("Output")), ("passing", "well"))
    assert agent.check.ttl_warn(beat, notes="hot")
    sees("warn", both)
    same("warn", (of("Status"), of("Output")), ("warning", "hot"))
    assert agent.check.ttl_fail(beat, notes="broken")
    sees("fail", ["127.0.0.2"])
    same("fail", (of("Status"), of("Output")), ("critical", "broken"))
    assert agent.check.ttl_pass(beat)
    sees("pass again", both)
    assert agent.check.register(
        "short", check=consul.Check.ttl("1s"), check_id="py-short", service_id="py-2"
    )
    sees("a second check counts from its first heartbeat", both)
    assert agent.check.ttl_pass("py-short")
    sees("a second check passes", both)
    sees("its TTL is over", ["127.0.0.2"], within=SOON)
    assert "TTL expired" in agent.checks()["py-short"]["Output"]
    assert agent.check.deregister("py-short")
    sees("the second check is gone", both)
    same("a heartbeat for no check", agent.check.ttl_pass("py-short"), False)


def fails():
    Backend.status = 500
    sees("the backend fails", ["127.0.0.3"], within=SOON)
    Backend.status = 200
    sees("the backend is well", ["127.0.0.2", "127.0.0.3"], within=SOON)


def lists(agent, port):
    mine = {id: one for id, one in agent.services().items() if one["Service"] == NAME}
    same("listed", sorted(mine), ["py-1", "py-2"])
    keys = ("Tags", "Meta", "Address", "Port")
    wanted = (["v1"], {"livezone-ttl": "1s"}, "127.0.0.2", port)
    same("as it was written", tuple(mine["py-1"][key] for key in keys), wanted)
    same("read alone", agent.service_definition("py-2")["Meta"], {"a": "b"})


def maintains(agent):
    assert agent.service.maintenance("py-2", True, reason="disk")
    sees("maintenance", ["127.0.0.2"])
    assert agent.service.maintenance("py-2", False)
    sees("maintenance is over", ["127.0.0.2", "127.0.0.3"])


def drains(agent):
    url = f"http://{HTTP[0]}:{HTTP[1]}/v1/livezone/drain/{NAME}/py-1?reason=moves"
    same("drain", urllib.request.urlopen(urllib.request.Request(url, method="PUT")).status, 200)
    sees("drained", ["127.0.0.3"])
    becomes("drained to the end", lambda: "py-1" in agent.services(), False)


def deregisters(agent):
    assert agent.service.deregister("py-2")
    sees("deregistered", [], status="NXDOMAIN")
    same("deregistered twice", agent.service.deregister("py-2"), False)


def discovers(client):
    index, entries = client.health.service(NAME, passing=True)
    same("health", [entry["Service"]["ID"] for entry in entries], ["py-1", "py-2"])
    same("the catalog", client.catalog.services()[1][NAME], ["v1", "v2"])
    ids = [entry["ServiceID"] for entry in client.catalog.service(NAME, tag="v1")[1]]
    same("a tag", ids, ["py-1"])
    found = []
    ask = lambda: found.append(client.health.service(NAME, passing=True, index=index, wait="30s"))
    waiting = threading.Thread(target=ask)
    waiting.start()
    assert client.agent.service.maintenance("py-2", True, reason="watched")
    waiting.join(30)
    same("the index grows", int(found[0][0]) > int(index), True)
    same("watched", [entry["Service"]["ID"] for entry in found[0][1]], ["py-1"])
    assert client.agent.service.maintenance("py-2", False)


def main():
    backend = http.server.ThreadingHTTPServer(("127.0.0.2", 0), Backend)
    threading.Thread(target=backend.serve_forever, daemon=True).start()
    client = consul.Consul(host=HTTP[0], port=int(HTTP[1]))
    starts(client.agent, client.status)
    registers(client.agent, backend.server_port)
    beats(client.agent)
    fails()
    lists(client.agent, backend.server_port)
    discovers(client)
    maintains(client.agent)
    drains(client.agent)
    deregisters(client.agent)


main()

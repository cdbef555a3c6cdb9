"""A BigQuery of our own: the HTTP API as its public reference has it, jobs run by `engine.py`. Faults can be planted."""

import itertools, json, re, sys, threading, time, urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from engine import Engine, SqlError, cell, quoted

PORT = int(sys.argv[1])
TOKEN, REFRESH = "ya29-hunter2-token", "refresh-hunter2-token"
engine, lock = Engine(), threading.RLock()
jobs, uploads, tokens, faults, log = {}, {}, {}, [], []
counter = itertools.count(1)


class Refusal(Exception):
    def __init__(self, status, reason, message):
        self.status, self.reason, self.message = status, reason, message


def planted(point):
    with lock:
        for fault in faults:
            if fault["at"] == point and fault.get("skip", 0) == 0 and fault.get("times", 1) > 0:
                fault["times"] = fault.get("times", 1) - 1
                return fault
            if fault["at"] == point and fault.get("skip", 0):
                fault["skip"] -= 1
    return None


class Job:
    def __init__(self, body):
        self.body, self.error, self.schema, self.rows, self.total = body, None, [], [], 0
        self.statistics, self.state, self.done = {"creationTime": "1"}, "RUNNING", threading.Event()
        self.id = body["jobReference"]["jobId"]
        self.cursor = engine.cursor()

    def query(self):
        try:
            planned = planted("job")
            if planned:
                raise SqlError(planned["reason"], "planted")
            schema, rows, affected, kind = engine.script(self.cursor, self.body["configuration"]["query"]["query"])
            statistics = {"statementType": kind, "totalBytesProcessed": "0" if kind != "SELECT" else "10"}
            if affected is not None:
                statistics["numDmlAffectedRows"] = str(affected)
            self.schema = schema
            self.rows = rows.fetchall() if hasattr(rows, "fetchall") else rows
            self.total = len(self.rows)
            self.statistics["query"] = statistics
        except SqlError as error:
            self.fail(error)
        except Exception as error:
            self.fail(SqlError("internal", f"of the emulator: {error!r}"))
        self.state = "DONE"
        self.done.set()

    def load(self, lines):
        load = self.body["configuration"]["load"]
        place = load["destinationTable"]
        try:
            rows = engine.load(self.cursor, [place["projectId"], place["datasetId"], place["tableId"]], load["schema"]["fields"], lines)
            self.statistics["load"] = {"outputRows": str(rows), "inputFileBytes": str(len(lines))}
        except SqlError as error:
            self.fail(error)
        self.state = "DONE"
        self.done.set()

    def fail(self, error):
        self.error = {"reason": error.reason, "message": error.message}

    def resource(self):
        status = {"state": self.state}
        if self.error:
            status |= {"errorResult": self.error, "errors": [self.error]}
        reference = {**self.body["jobReference"], "location": "US"}
        return {"kind": "bigquery#job", "jobReference": reference, "status": status, "statistics": self.statistics, "configuration": self.body["configuration"]}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.where, _, query = self.path.partition("?")
        self.asked = dict(urllib.parse.parse_qsl(query))
        length = int(self.headers.get("content-length") or 0)
        self.content = self.rfile.read(length) if length else b""
        try:
            point = self.point()
            with lock:
                log.append([self.command, self.path])
            if fault := planted(f"before {point}"):
                if fault.get("kind") == "reset":
                    return self.cut()
                raise Refusal(fault["status"], fault.get("reason", "backendError"), "planted")
            status, body, headers = self.route(point)
            if planted(f"after {point}"):
                return self.cut()
            self.give(status, body, headers)
        except Refusal as refusal:
            error = {"code": refusal.status, "message": refusal.message, "errors": [{"reason": refusal.reason, "message": refusal.message}]}
            self.give(refusal.status, {"error": error}, {})
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        except Exception as error:
            self.give(400, {"error": {"code": 400, "message": f"of the emulator: {error!r}", "errors": [{"reason": "emulator"}]}}, {})

    do_POST = do_PUT = do_DELETE = do_GET

    def cut(self):
        self.close_connection = True
        self.connection.shutdown(2)

    def give(self, status, body, headers):
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def point(self):
        if self.where == "/token":
            return "login"
        if self.where.startswith("/test/"):
            return "test"
        if self.where.startswith("/upload/"):
            return "upload" if self.command == "PUT" else "session"
        if "/queries/" in self.where:
            return "results"
        if self.where.endswith("/cancel"):
            return "cancel"
        if "/jobs" in self.where:
            return "insert" if self.command == "POST" else "job"
        return "table"

    def route(self, point):
        if point == "test":
            return self.control()
        if point == "login":
            form = dict(urllib.parse.parse_qsl(self.content.decode()))
            if form.get("grant_type") != "refresh_token" or form.get("refresh_token") != REFRESH or form.get("client_secret") != "s3cret":
                return 401, {"error": "invalid_grant", "error_description": "Bad Request"}, {}
            token = f"ya29-hunter2-{next(counter)}"
            with lock:
                fault = planted("token")
                tokens[token] = time.time() + (fault["lasts"] if fault else 3600)
            return 200, {"access_token": token, "expires_in": 3600, "token_type": "Bearer"}, {}
        given = self.headers.get("authorization", "").removeprefix("Bearer ")
        if given != TOKEN and tokens.get(given, 0) < time.time():
            raise Refusal(401, "authError", "Request had invalid authentication credentials.")
        if point == "session":
            return self.session()
        if point == "upload":
            return self.upload()
        if point == "insert":
            return self.insert()
        if point == "table":
            return self.table()
        match = re.fullmatch(r"/bigquery/v2/projects/([^/]+)/(?:jobs|queries)/([^/]+)(/cancel)?", self.where)
        job = match and jobs.get(match[2])
        if not job:
            raise Refusal(404, "notFound", f"Not found: Job {self.where.rsplit('/')[-1]}")
        if point == "cancel":
            job.cursor.interrupt()
            return 200, {"kind": "bigquery#jobCancelResponse", "job": job.resource()}, {}
        if point == "job":
            return 200, job.resource(), {}
        return self.results(job)

    def insert(self):
        body = json.loads(self.content)
        configuration = body["configuration"]
        assert configuration["query"]["useLegacySql"] is False
        if configuration.get("dryRun"):
            try:
                schema = engine.describe(engine.cursor(), configuration["query"]["query"])
            except Exception as error:
                from engine import translated
                told = error if isinstance(error, SqlError) else translated(error)
                raise Refusal(400, told.reason, told.message)
            return 200, {"statistics": {"query": {"schema": {"fields": schema}}}}, {}
        identifier = body["jobReference"]["jobId"]
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,1024}", identifier):
            raise Refusal(400, "invalid", "Invalid job ID")
        with lock:
            if identifier in jobs:
                raise Refusal(409, "duplicate", f"Already Exists: Job {body['jobReference']['projectId']}:US.{identifier}")
            job = jobs[identifier] = Job(body)
        threading.Thread(target=job.query, daemon=True).start()
        return 200, job.resource(), {}

    def results(self, job):
        if not job.done.wait(int(self.asked.get("timeoutMs", 10000)) / 1000):
            return 200, {"jobComplete": False, "jobReference": job.body["jobReference"]}, {}
        if job.error:
            raise Refusal(400, job.error["reason"], job.error["message"])
        most = min(int(self.asked.get("maxResults", 100000)), 5000)
        start = int(self.asked.get("pageToken", 0))
        assert self.asked.get("formatOptions.useInt64Timestamp") == "true" or most == 0
        rows = [{"f": [cell(value, field) for value, field in zip(row, job.schema)]} for row in job.rows[start : start + most]]
        answer = {"jobComplete": True, "schema": {"fields": job.schema}, "totalRows": str(job.total)}
        if most and rows:
            answer["rows"] = rows
        if most and start + most < job.total:
            answer["pageToken"] = str(start + most)
        if planted("short page") and rows:
            answer["rows"] = rows[:-1]
        return 200, answer, {}

    def table(self):
        match = re.fullmatch(r"/bigquery/v2/projects/([^/]+)/datasets/([^/]+)/tables/([^/]+)", self.where)
        if not match:
            raise Refusal(404, "notFound", f"Not found: {self.where}")
        cursor, names = engine.cursor(), [urllib.parse.unquote(name) for name in match.groups()]
        found = engine.table(cursor, *names)
        if not found:
            raise Refusal(404, "notFound", f"Not found: Table {names[0]}:{names[1]}.{names[2]}")
        place = quoted(names)
        if self.command == "DELETE":
            cursor.execute(f"drop {'view' if found[0] == 'VIEW' else 'table'} {place}")
            return 204, None, {}
        kind = "VIEW" if found[0] == "VIEW" else "TABLE"
        answer = {"type": kind, "schema": {"fields": engine.schema(cursor, *names)}}
        if kind == "TABLE":
            count = cursor.execute(f"select count(*) from {place}").fetchone()[0]
            answer |= {"numRows": str(count), "numBytes": str(count * 10)}
        return 200, answer, {}

    def session(self):
        body = json.loads(self.content)
        assert self.asked["uploadType"] == "resumable" and self.headers["x-upload-content-type"] == "application/octet-stream"
        key = str(next(counter))
        uploads[key] = [body, b""]
        return 200, None, {"location": f"http://127.0.0.1:{PORT}/upload/session/{key}"}

    def upload(self):
        held = uploads[self.where.rsplit("/", 1)[1]]
        match = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", self.headers["content-range"])
        if match[1] is not None:
            first, last = int(match[1]), int(match[2])
            assert last - first + 1 == len(self.content)
            if match[3] == "*" and len(self.content) % (256 * 1024):
                raise Refusal(400, "invalid", "a piece is no multiple of 256 KiB")
            if first > len(held[1]):
                raise Refusal(400, "invalid", "bytes are missing")
            held[1] = held[1][:first] + self.content
        if match[3] == "*" or len(held[1]) < int(match[3]):
            return 308, None, {"range": f"bytes=0-{len(held[1]) - 1}"} if held[1] else {}
        identifier = held[0]["jobReference"]["jobId"]
        with lock:
            if identifier not in jobs:
                job = jobs[identifier] = Job(held[0])
                threading.Thread(target=job.load, args=(held[1],), daemon=True).start()
        return 200, jobs[identifier].resource(), {}

    def control(self):
        body = json.loads(self.content or b"null")
        with lock:
            if self.where == "/test/faults":
                faults[:] = body
            if self.where == "/test/log":
                return 200, {"requests": log, "jobs": [job.resource() for job in jobs.values()]}, {}
        return 200, {}, {}


class Server(ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 128


Server(("127.0.0.1", PORT), Handler).serve_forever()

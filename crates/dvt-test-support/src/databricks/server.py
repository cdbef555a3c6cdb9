"""A Databricks workspace for tests: its HTTP API over DuckDB.

Every request is compared with the API's public reference (names, types and ranges of its fields, who may see which header), and
every statement is parsed as Databricks SQL by sqlglot before DuckDB runs its translation. Faults are planted by
`POST /test/faults`; `GET /test/log` tells what was asked. Listens on loopback alone: server.py PORT FOLDER.
"""

import base64, datetime, io, itertools, json, os, re, shutil, sys, threading, time, urllib.parse, uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import duckdb, pyarrow as pa, sqlglot
from engine import Engine, SqlError

PORT, FOLDER = int(sys.argv[1]), sys.argv[2]
TOKEN, CLIENT, SECRET, WAREHOUSE = "dapi-hunter2-token", "app-1", "dose-hunter2-secret", "w1"
CHUNK_ROWS = int(os.environ.get("CHUNK_ROWS", "200000"))

lock = threading.RLock()
engine = Engine(FOLDER)
statements, history, log, faults, tokens, files = {}, [], [], [], {}, {}
links, counter = {}, itertools.count()


class Refusal(Exception):
    def __init__(self, status, code, message, headers=None):
        self.status, self.code, self.message, self.headers = status, code, message, headers or {}


def bad(message, code="INVALID_PARAMETER_VALUE"):
    raise Refusal(400, code, message)


def planted(point, path=""):
    """The next fault for this point, if there is one whose time has come."""
    with lock:
        for fault in faults:
            if fault["on"] != point or fault.get("match", "") not in path:
                continue
            if fault.get("skip", 0) > 0:
                fault["skip"] -= 1
                return None
            fault["times"] = fault.get("times", 1) - 1
            if fault["times"] <= 0:
                faults.remove(fault)
            return fault
    return None


class Statement:
    def __init__(self, body):
        self.id = str(uuid.uuid4())
        self.body, self.state, self.error, self.sql_state = body, "PENDING", None, None
        self.table, self.rows, self.columns, self.count = None, [], [], 0
        self.done, self.cursor, self.cancelled = threading.Event(), None, False
        self.started = time.time()

    def run(self):
        slow = planted("execute", self.body["statement"])
        if slow and slow.get("kind") == "slow":
            self.done.wait(slow["seconds"])
        if slow and slow.get("kind") == "fail":
            return self.fail(slow["message"], slow.get("sql_state"), slow.get("error_code", "BAD_REQUEST"))
        if self.cancelled:
            return
        self.state = "RUNNING"
        try:
            self.cursor = engine.cursor(self.body.get("catalog"))
            answer = engine.run(self.cursor, self.body["statement"], self.body.get("row_limit"), self.id)
            self.columns, self.table, self.rows, self.count = answer
            with lock:
                if not self.cancelled:
                    self.state = "SUCCEEDED"
        except SqlError as error:
            if not self.cancelled:
                self.fail(error.message, error.state)
        except Exception as error:
            if not self.cancelled:
                self.fail(f"internal error of the emulator: {error!r}", None, "INTERNAL_ERROR")
        self.done.set()

    def fail(self, message, state=None, code="BAD_REQUEST"):
        self.error, self.sql_state, self.state = {"error_code": code, "message": message}, state, "FAILED"
        self.done.set()

    def cancel(self):
        with lock:
            if self.state in ("PENDING", "RUNNING"):
                self.cancelled, self.state = True, "CANCELED"
                if self.cursor:
                    self.cursor.interrupt()
        self.done.set()

    @property
    def chunks(self):
        return -(-self.count // CHUNK_ROWS)

    def answer(self):
        status = {"state": self.state}
        if self.error:
            status["error"] = self.error
        if self.sql_state:
            status["sql_state"] = self.sql_state
        answer = {"statement_id": self.id, "status": status}
        if self.state == "SUCCEEDED":
            columns = [
                {"name": name, "type_text": text, "type_name": text.split("(")[0].split("<")[0], "position": index}
                for index, (name, text) in enumerate(self.columns)
            ]
            answer["manifest"] = {
                "format": self.body["format"],
                "schema": {"column_count": len(columns), "columns": columns},
                "total_chunk_count": self.chunks,
                "total_row_count": self.count,
                "truncated": False,
            }
            answer["result"] = self.chunk(0) if self.count else {}
        return answer

    def chunk(self, index):
        first = index * CHUNK_ROWS
        rows = min(CHUNK_ROWS, self.count - first)
        common = {"chunk_index": index, "row_offset": first, "row_count": rows}
        if index + 1 < self.chunks:
            common["next_chunk_index"] = index + 1
            common["next_chunk_internal_link"] = f"/api/2.0/sql/statements/{self.id}/result/chunks/{index + 1}?row_offset={first + rows}"
        if self.body["disposition"] == "INLINE":
            return {**common, "data_array": self.rows[first : first + rows]}
        key, lasts = f"k{next(counter)}-hunter2-signature", 900
        if planted("link"):
            lasts = -60
        links[key] = (self.id, index, time.time() + lasts)
        expiration = datetime.datetime.fromtimestamp(time.time() + max(lasts, 60), datetime.timezone.utc)
        link = {
            **common,
            "external_link": f"http://127.0.0.1:{PORT}/presigned/{key}",
            "expiration": expiration.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "http_headers": {"x-storage-key": key},
            "byte_count": 1,
        }
        return {"external_links": [link]}

    def arrow(self, index):
        first = index * CHUNK_ROWS
        table = engine.arrow(self.table, self.rows, self.columns, first, min(CHUNK_ROWS, self.count - first), CHUNK_ROWS)
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=64 * 1024)
        return sink.getvalue()


FIELDS = {
    "warehouse_id": str, "statement": str, "catalog": str, "schema": str, "disposition": str, "format": str,
    "wait_timeout": str, "on_wait_timeout": str, "row_limit": int, "byte_limit": int, "parameters": list, "query_tags": list,
}


def execute(body):
    for key, value in body.items():
        if key not in FIELDS:
            bad(f"Could not parse request object: unknown field {key}", "MALFORMED_REQUEST")
        if not isinstance(value, FIELDS[key]) or isinstance(value, bool):
            bad(f"Could not parse request object: {key}", "MALFORMED_REQUEST")
    if not body.get("statement", "").strip():
        bad("statement is required")
    if len(body["statement"].encode()) > 16 * 1024 * 1024:
        bad("statement is longer than 16 MiB")
    if body.get("warehouse_id") != WAREHOUSE:
        bad(f"{body.get('warehouse_id')} is not a valid endpoint id.")
    body.setdefault("disposition", "INLINE")
    body.setdefault("format", "JSON_ARRAY")
    if body["disposition"] not in ("INLINE", "EXTERNAL_LINKS") or body["format"] not in ("JSON_ARRAY", "ARROW_STREAM", "CSV"):
        bad("disposition or format")
    if body["disposition"] == "INLINE" and body["format"] != "JSON_ARRAY":
        bad("The format field must be JSON_ARRAY when the disposition field is INLINE.")
    wait = re.fullmatch(r"(\d+)s", body.get("wait_timeout", "10s"))
    if not wait or not (wait[1] == "0" or 5 <= int(wait[1]) <= 50):
        bad("wait_timeout must be 0s, or between 5s and 50s")
    if body.get("on_wait_timeout", "CONTINUE") not in ("CONTINUE", "CANCEL"):
        bad("on_wait_timeout")
    if "row_limit" in body and body["row_limit"] < 1:
        bad("row_limit must be positive")
    statement = Statement(body)
    with lock:
        statements[statement.id] = statement
        history.insert(0, (time.time(), statement))
    threading.Thread(target=statement.run, daemon=True).start()
    statement.done.wait(float(wait[1]))
    return statement.answer()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.handle_one()

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET

    def handle_one(self):
        self.path_only, _, self.query = self.path.partition("?")
        length = int(self.headers.get("content-length") or 0)
        self.content = self.rfile.read(length) if length else b""
        try:
            if self.path_only.startswith("/test/"):
                return self.control()
            point = self.point()
            with lock:
                entry = {"method": self.command, "path": self.path, "point": point}
                if point == "execute":
                    entry["body"] = json.loads(self.content or b"{}")
                log.append(entry)
            fault = planted(f"before {point}", self.path)
            if fault:
                if fault.get("kind") == "reset":
                    return self.cut()
                if fault.get("kind") == "html":
                    return self.give(fault.get("status", 200), b"<html>login</html>", {"content-type": "text/html"})
                raise Refusal(fault["status"], fault.get("code", "TEMPORARILY_UNAVAILABLE"), "planted", fault.get("headers"))
            status, body = self.route(point)
            if isinstance(body, (dict, list)):
                body = json.dumps(body).encode()
            lost = planted(f"after {point}", self.path)
            if lost and lost.get("kind") == "cut":
                return self.give(status, body, {}, cut=True)
            if lost:
                return self.cut()
            self.give(status, body, {})
        except Refusal as refusal:
            body = {"error_code": refusal.code, "message": refusal.message}
            if refusal.code == "invalid_client":
                body = {"error": "invalid_client", "error_description": refusal.message}
            self.give(refusal.status, json.dumps(body).encode(), refusal.headers)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        except Exception as error:
            self.give(500, json.dumps({"error_code": "INTERNAL_ERROR", "message": f"of the emulator: {error!r}"}).encode(), {})

    def cut(self):
        self.close_connection = True
        self.connection.shutdown(2)

    def give(self, status, body, headers, cut=False):
        self.send_response(status)
        for name, value in {"content-type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self.wfile.flush()
            self.cut()

    def point(self):
        path = self.path_only
        if path == "/oidc/v1/token":
            return "login"
        if path.startswith("/presigned/"):
            return "download"
        if path == "/api/2.0/sql/statements":
            return "execute"
        if path.startswith("/api/2.0/sql/statements/"):
            return "cancel" if path.endswith("/cancel") else "chunk" if "/result/chunks/" in path else "status"
        if path == "/api/2.0/sql/history/queries":
            return "history"
        return "files" if path.startswith("/api/2.0/fs/") else "other"

    def authorized(self):
        given = self.headers.get("authorization", "")
        with lock:
            if given == f"Bearer {TOKEN}":
                return
            if tokens.get(given.removeprefix("Bearer "), 0) > time.time():
                return
        if given.startswith("Bearer oauth-"):
            raise Refusal(401, "UNAUTHENTICATED", "Credential was not sent or was of an unsupported type for this API: the token has expired.")
        raise Refusal(403, "403", "Invalid access token.")

    def route(self, point):
        if point == "login":
            return self.login()
        if point == "download":
            return self.download()
        self.authorized()
        if point == "execute" and self.command == "POST":
            if not self.headers.get("content-type", "").startswith("application/json"):
                bad("content type")
            return 200, execute(json.loads(self.content))
        match = re.fullmatch(r"/api/2.0/sql/statements/([^/]+)(/cancel|/result/chunks/(\d+))?", self.path_only)
        if match:
            statement = statements.get(match[1])
            if statement is None:
                raise Refusal(404, "NOT_FOUND", f"The statement {match[1]} was not found.")
            if point == "cancel" and self.command == "POST":
                statement.cancel()
                return 200, {}
            if self.command != "GET":
                raise Refusal(405, "METHOD_NOT_ALLOWED", self.command)
            if point == "chunk":
                if statement.state != "SUCCEEDED" or int(match[3]) >= statement.chunks:
                    bad("no such chunk")
                return 200, statement.chunk(int(match[3]))
            return 200, statement.answer()
        if point == "history" and self.command == "GET":
            asked = urllib.parse.parse_qs(self.query)
            since = int(asked["filter_by.query_start_time_range.start_time_ms"][0])
            if asked["filter_by.warehouse_ids"] != [WAREHOUSE] or not 1 <= int(asked["max_results"][0]) <= 1000:
                bad("filter_by")
            start, size = int(asked.get("page_token", ["0"])[0]), 5
            found = [
                {"query_id": s.id, "query_text": s.body["statement"], "status": s.state, "query_start_time_ms": int(t * 1000)}
                for t, s in history
                if t * 1000 >= since
            ]
            page = {"res": found[start : start + size], "has_next_page": start + size < len(found)}
            if page["has_next_page"]:
                page["next_page_token"] = str(start + size)
            return 200, page
        if point == "files":
            return self.volume()
        raise Refusal(404, "ENDPOINT_NOT_FOUND", f"No API found for '{self.command} {self.path_only}'")

    def login(self):
        given = self.headers.get("authorization", "")
        form = dict(urllib.parse.parse_qsl(self.content.decode()))
        if form != {"grant_type": "client_credentials", "scope": "all-apis"}:
            bad("invalid_request")
        if given != "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode():
            raise Refusal(401, "invalid_client", "Client authentication failed")
        fault = planted("token")
        lasts, shown = (fault["lasts"], fault.get("shown", 3600)) if fault else (3600, 3600)
        token = f"oauth-hunter2-{next(counter)}"
        with lock:
            tokens[token] = time.time() + lasts
        return 200, {"access_token": token, "token_type": "Bearer", "scope": "all-apis", "expires_in": shown}

    def download(self):
        if self.headers.get("authorization"):
            raise Refusal(400, "AuthenticationConflict", "Only one auth mechanism allowed")
        key = self.path_only.split("/")[2]
        if key not in links or self.headers.get("x-storage-key") != key or links[key][2] < time.time():
            raise Refusal(403, "AccessDenied", "Request has expired")
        return 200, statements[links[key][0]].arrow(links[key][1])

    def volume(self):
        match = re.fullmatch(r"/api/2.0/fs/(files|directories)(/Volumes/.+)", urllib.parse.unquote(self.path_only))
        if not match:
            bad("path")
        path = os.path.normpath(match[2])
        if not path.startswith("/Volumes/prod/default/files"):
            raise Refusal(404, "NOT_FOUND", f"Volume '{'.'.join(path.split('/')[2:5])}' does not exist.")
        place = os.path.join(FOLDER, path.lstrip("/"))
        if match[1] == "directories" and self.command == "PUT":
            os.makedirs(place, exist_ok=True)
        elif match[1] == "directories" and self.command == "DELETE":
            if os.path.isdir(place) and os.listdir(place):
                bad("The directory is not empty", "DIRECTORY_NOT_EMPTY")
            shutil.rmtree(place, ignore_errors=True)
        elif self.command == "PUT":
            if self.headers.get("content-type") != "application/octet-stream" or not os.path.isdir(os.path.dirname(place)):
                bad("no such directory, or not an octet stream")
            if os.path.exists(place) and "overwrite=true" not in self.query:
                raise Refusal(409, "ALREADY_EXISTS", "The file being created already exists.")
            with open(place, "wb") as file:
                file.write(self.content)
        elif self.command == "DELETE":
            if not os.path.exists(place):
                raise Refusal(404, "NOT_FOUND", "The file being deleted does not exist.")
            os.remove(place)
        else:
            raise Refusal(405, "METHOD_NOT_ALLOWED", self.command)
        return 204 if self.command != "GET" else 200, b""

    def control(self):
        body = json.loads(self.content or b"null")
        with lock:
            if self.path_only == "/test/faults":
                faults.extend(body)
            if self.path_only == "/test/log":
                files_left = [os.path.join(at, name) for at, _, names in os.walk(os.path.join(FOLDER, "Volumes")) for name in names]
                states = [[s.body["statement"], s.state] for _, s in reversed(history)]
                return self.give(200, json.dumps({"requests": log, "statements": states, "files": files_left}).encode(), {})
            if self.path_only == "/test/clear":
                log.clear(), history.clear(), faults.clear()
        self.give(200, b"{}", {})


class Server(ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 128


os.makedirs(os.path.join(FOLDER, "Volumes/prod/default/files"), exist_ok=True)
Server(("127.0.0.1", PORT), Handler).serve_forever()

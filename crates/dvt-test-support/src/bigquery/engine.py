"""GoogleSQL on DuckDB: parsed by sqlglot as BigQuery's, written by it as DuckDB's; what DuckDB has no words for is done here."""

import base64, datetime, json, logging, re, threading

import duckdb, sqlglot
from sqlglot import exp

logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
PROJECT, OTHER = "acme-prod", "acme-other"


class SqlError(Exception):
    def __init__(self, reason, message):
        self.reason, self.message = reason, message


def quoted(names):
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def text(value):
    return "'" + str(value).replace("'", "''") + "'"


def native(kind):
    """BigQuery's schema field for a type of DuckDB."""
    kind = str(kind)
    if kind.endswith("[]"):
        return {**native(kind[:-2]), "mode": "REPEATED"}
    if match := re.fullmatch(r"STRUCT\((.*)\)", kind):
        fields = [part.strip().split(" ", 1) for part in re.split(r",(?![^(]*\))", match[1])]
        return {"type": "RECORD", "fields": [{"name": name.strip('"'), **native(of)} for name, of in fields]}
    if match := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", kind):
        precision, scale = int(match[1]), int(match[2])
        if (precision, scale) == (38, 9):
            return {"type": "NUMERIC"}
        if (precision, scale) == (38, 10):
            return {"type": "BIGNUMERIC"}
        name = "NUMERIC" if scale <= 9 and precision - scale <= 29 else "BIGNUMERIC"
        return {"type": name, "precision": str(precision), **({"scale": str(scale)} if scale else {})}
    plain = {
        "VARCHAR": "STRING", "BLOB": "BYTES", "DOUBLE": "FLOAT", "FLOAT": "FLOAT", "BOOLEAN": "BOOLEAN", "DATE": "DATE", "TIME": "TIME",
        "TIMESTAMP": "DATETIME", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP", "JSON": "JSON", "INTERVAL": "INTERVAL", "UUID": "STRING",
    }
    return {"type": plain.get(kind, "INTEGER")}


def type_text(field):
    name = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "RECORD": "STRUCT"}.get(field["type"], field["type"])
    if "precision" in field:
        name += f"({field['precision']}" + (f", {field['scale']})" if "scale" in field else ")")
    return f"ARRAY<{name}>" if field.get("mode") == "REPEATED" else name


EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def cell(value, field):
    """A value as the API writes it."""
    if field.get("mode") == "REPEATED":
        one = {**field, "mode": "NULLABLE"}
        return {"v": [cell(item, one) for item in value or []]}
    if value is None:
        return {"v": None}
    kind = field["type"]
    if kind == "RECORD":
        return {"v": {"f": [cell(value[each["name"]], each) for each in field["fields"]]}}
    if kind == "BOOLEAN":
        return {"v": "true" if value else "false"}
    if kind == "BYTES":
        return {"v": base64.b64encode(value).decode()}
    if kind == "FLOAT":
        return {"v": {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(repr(value), repr(value))}
    if kind == "TIMESTAMP":
        return {"v": str((value - EPOCH) // datetime.timedelta(microseconds=1))}
    if kind == "DATETIME":
        return {"v": value.isoformat()}
    return {"v": str(value)}


class Engine:
    def __init__(self):
        self.lock = threading.RLock()
        self.database = duckdb.connect(":memory:", config={"threads": 2})
        run = self.database.execute
        run("set TimeZone = 'UTC'")
        run(f'attach \':memory:\' as "{PROJECT}"; attach \':memory:\' as "{OTHER}"; create schema memory.bq; create schema "{PROJECT}".dev')
        run("create table memory.bq.options (place text, option_name text, option_value text)")
        run("create table memory.bq.grants (place text, privilege text, grantee text)")
        run("create table memory.bq.layout (place text, column_name text, partitioning boolean, clustering bigint)")

    def cursor(self):
        cursor = self.database.cursor()
        cursor.execute("set TimeZone = 'UTC'")
        cursor.execute(f'use "{PROJECT}".dev')
        return cursor

    def script(self, cursor, sql):
        """Columns, rows, affected rows and the statement's type, of a statement or of the last query of a script."""
        try:
            statements = [part for part in split(sql) if re.sub(r"/\*.*?\*/|--[^\n]*", "", part, flags=re.S).strip()]
            variables, result = {}, ([], [], None, "SCRIPT")
            for statement in statements:
                for name, values in variables.items():
                    statement = re.sub(rf"unnest\({name}\)", "(" + (", ".join(values) or "null") + ")", statement, flags=re.I)
                one = self.one(cursor, statement, variables)
                if one is not None and (one[3] == "SELECT" or len(statements) == 1):
                    result = one
            return result if len(statements) == 1 else (*result[:3], "SCRIPT")
        except duckdb.InterruptException:
            raise SqlError("stopped", "Job execution was cancelled: User requested cancellation")
        except duckdb.Error as error:
            raise translated(error)
        except sqlglot.errors.SqlglotError as error:
            raise SqlError("invalidQuery", f"Syntax error: {str(error).splitlines()[0]} at [1:1]")

    def one(self, cursor, statement, variables):
        bare = re.sub(r"^\s*(/\*.*?\*/\s*|--[^\n]*\n\s*)*", "", statement, flags=re.S).strip()
        for pattern, work in COMMANDS:
            if match := re.fullmatch(pattern, bare, re.I | re.S):
                return work(self, cursor, variables, *match.groups())
        tree = sqlglot.parse_one(bare, read="bigquery").transform(self.rewritten)
        if isinstance(tree, exp.Query):
            schema, rows = self.query(cursor, written(tree))
            return schema, rows, None, "SELECT"
        if isinstance(tree, exp.Command):
            raise SqlError("invalidQuery", f"Syntax error: Unexpected {bare[:30]!r} at [1:1]")
        if isinstance(tree, exp.Create):
            return self.create(cursor, tree)
        kind = type(tree).__name__.upper()
        found = cursor.execute(written(tree)).fetchone()
        if isinstance(tree, (exp.Insert, exp.Update, exp.Delete, exp.Merge)):
            return [], [], found[0] if found else 0, kind
        return [], [], None, kind

    def query(self, cursor, sql):
        described = cursor.execute(f"describe {sql}").fetchall()
        schema = [{"name": row[0], "mode": "NULLABLE", **native(row[1])} for row in described]
        return schema, cursor.execute(sql)

    def describe(self, cursor, sql):
        statements = split(sql)
        tree = sqlglot.parse_one(statements[-1], read="bigquery").transform(self.rewritten)
        described = cursor.execute(f"describe {written(tree)}").fetchall()
        return [{"name": row[0], "mode": "NULLABLE", **native(row[1])} for row in described]

    def create(self, cursor, tree):
        kind = tree.args.get("kind").upper()
        schema = tree.this
        table = schema.this if isinstance(schema, exp.Schema) else schema
        names = full([part.name for part in table.parts]) if kind in ("TABLE", "VIEW") else []
        options, layout = [], []
        properties = tree.args.get("properties")
        for each in properties.expressions if properties else []:
            if isinstance(each, exp.PartitionedByProperty):
                layout += [(column.name, True, None) for column in each.find_all(exp.Column)]
            elif isinstance(each, exp.ClusterProperty) or isinstance(each, exp.Cluster):
                layout += [(column.name, False, place + 1) for place, column in enumerate(each.find_all(exp.Column))]
            elif isinstance(each, exp.Property) and each.this is not None and each.args.get("value") is not None:
                value = each.args["value"]
                options.append((each.name.lower(), json.dumps(value.name) if value.is_string else value.sql("bigquery")))
        tree.set("properties", None)
        if kind in ("TABLE", "VIEW") and tree.args.get("replace"):
            found = self.table(cursor, *names)
            if found and (found[0] == "VIEW") != (kind == "VIEW"):
                raise SqlError("invalid", f"{'.'.join(names)} is a {found[0]}, and cannot be replaced by a {kind}")
            if found and found[0] != "VIEW" and self.layout(cursor, names) != [(a.lower(), b) for a, b, _ in layout]:
                raise SqlError("invalid", f"Cannot replace a table with a different partitioning spec: {names}")
        if kind == "TABLE" and tree.expression and isinstance(schema, exp.Schema) and schema.expressions:
            # DuckDB has no types beside a query.
            query = tree.args.pop("expression")
            cursor.execute(written(tree))
            cursor.execute(f"insert into {quoted(names)} {written(query)}")
        else:
            cursor.execute(written(tree))
        if names:
            place = ".".join(names)
            for store in ("options", "layout", "grants"):
                if store != "grants" or not tree.args.get("replace"):
                    cursor.execute(f"delete from memory.bq.{store} where place = ?", [place])
            for name, value in options:
                self.option(cursor, names, name, value)
            for column, partitioning, clustering in layout:
                cursor.execute("insert into memory.bq.layout values (?, ?, ?, ?)", [place, column.lower(), partitioning, clustering])
        return [], [], None, {"TABLE": "CREATE_TABLE_AS_SELECT" if tree.expression else "CREATE_TABLE"}.get(kind, f"CREATE_{kind}")

    def layout(self, cursor, names):
        return cursor.execute("select column_name, partitioning from memory.bq.layout where place = ? order by partitioning desc, clustering", [".".join(names)]).fetchall()

    def option(self, cursor, names, name, value):
        place = ".".join(names)
        cursor.execute("delete from memory.bq.options where place = ? and option_name = ?", [place, name])
        cursor.execute("insert into memory.bq.options values (?, ?, ?)", [place, name, value])

    def table(self, cursor, project, dataset, name):
        return cursor.execute(
            "select table_type, table_name from information_schema.tables where table_catalog = ? and table_schema = ? and table_name = ?", [project, dataset, name]
        ).fetchone()

    def schema(self, cursor, project, dataset, name):
        rows = cursor.execute(
            "select column_name, data_type, is_nullable from duckdb_columns() where database_name = ? and schema_name = ? and table_name = ? order by column_index",
            [project, dataset, name],
        ).fetchall()
        return [{"name": row[0], "mode": "NULLABLE" if row[2] else "REQUIRED", **native(row[1])} for row in rows]

    def rewritten(self, node):
        """What differs between the two beyond their words."""
        if isinstance(node, exp.Table):
            parts = [part.name for part in node.parts]
            whole = ".".join(parts)
            if match := re.fullmatch(r"(?:(.+)\.)?(?:INFORMATION_SCHEMA\.(\w+)|(__TABLES__))", whole, re.I):
                return self.view((match[2] or match[3]).upper(), (match[1] or "").split("."), node.args.get("alias"))
        if isinstance(node, exp.DataType):
            if node.this == exp.DataType.Type.BIGDECIMAL:
                return exp.DataType.build("decimal", expressions=node.expressions) if node.expressions else exp.DataType.build("decimal(38,10)", dialect="duckdb")
            if node.this == exp.DataType.Type.DECIMAL and not node.expressions:
                return exp.DataType.build("decimal(38,9)", dialect="duckdb")
            if node.this in (exp.DataType.Type.TEXT, exp.DataType.Type.VARCHAR) and node.expressions:
                return exp.DataType.build("text")
            if node.this == exp.DataType.Type.DECIMAL and len(node.expressions) == 1:
                return exp.DataType.build(f"decimal({node.expressions[0].name},0)", dialect="duckdb")
        if isinstance(node, exp.Literal) and node.is_number and not node.name.isdigit():
            return exp.cast(node.copy(), "double")
        if isinstance(node, exp.ColumnDef):
            kept = [c for c in node.args.get("constraints") or [] if isinstance(c.kind, exp.NotNullColumnConstraint)]
            node.set("constraints", kept)
        if isinstance(node, exp.Schema):
            node.set("expressions", [e for e in node.expressions if not isinstance(e, (exp.PrimaryKey, exp.Constraint, exp.ForeignKey))])
        return node

    def view(self, name, place, alias):
        project, dataset = (place + [""])[0] or PROJECT, (place + ["", ""])[1]
        here = f"t.table_catalog = {text(project)} and t.table_schema = {text(dataset)}"
        key = "t.table_catalog || '.' || t.table_schema || '.' || t.table_name"
        tables = f"(select table_catalog, table_schema, table_name, table_type from information_schema.tables t where {here})"
        if name == "SCHEMATA":
            sql = f"select catalog_name, schema_name from information_schema.schemata where catalog_name = {text(project)}"
        elif name == "TABLES":
            sql = f"select * from {tables}"
        elif name == "__TABLES__":
            sql = f"select table_schema as dataset_id, table_name as table_id, epoch_ms(now()) as last_modified_time from {tables}"
        elif name in ("COLUMNS", "COLUMN_FIELD_PATHS"):
            types = """case when t.data_type = 'DECIMAL(38,9)' then 'NUMERIC' when t.data_type = 'DECIMAL(38,10)' then 'BIGNUMERIC'
                when t.data_type like 'DECIMAL%' then replace(t.data_type, 'DECIMAL', 'NUMERIC') when t.data_type = 'BIGINT' then 'INT64'
                when t.data_type = 'DOUBLE' then 'FLOAT64' when t.data_type = 'VARCHAR' then 'STRING' when t.data_type = 'BLOB' then 'BYTES'
                when t.data_type = 'BOOLEAN' then 'BOOL' when t.data_type = 'TIMESTAMP' then 'DATETIME'
                when t.data_type = 'TIMESTAMP WITH TIME ZONE' then 'TIMESTAMP' when t.data_type = 'INTEGER' then 'INT64' else t.data_type end"""
            sql = f"""select t.table_catalog, t.table_schema, t.table_name, t.column_name, t.column_name as field_path, t.ordinal_position,
                {types} as data_type, t.is_nullable, case when l.partitioning then 'YES' else 'NO' end as is_partitioning_column,
                l.clustering as clustering_ordinal_position, d.comment as description
                from information_schema.columns t
                left join memory.bq.layout l on l.place = {key} and l.column_name = lower(t.column_name)
                left join duckdb_columns() d on d.database_name = t.table_catalog and d.schema_name = t.table_schema
                  and d.table_name = t.table_name and d.column_name = t.column_name
                where {here}"""
        elif name == "TABLE_OPTIONS":
            sql = f"select t.table_name, o.option_name, o.option_value from {tables} t join memory.bq.options o on o.place = {key}"
        elif name == "OBJECT_PRIVILEGES":
            sql = """select privilege as privilege_type, grantee, split_part(place, '.', 2) as object_schema, split_part(place, '.', 3) as object_name
                from memory.bq.grants"""
        else:
            raise SqlError("notFound", f"Not found: Table {name}")
        made = sqlglot.parse_one(f"select * from ({sql}) as {quoted([alias.name]) if alias else name.strip('_')}", read="duckdb")
        return made.args["from_"].this if "from_" in made.args else made.args["from"].this

    def load(self, cursor, names, fields, lines):
        """Rows of JSON into a table: all of them, or none."""
        place = quoted(names)
        rows = [json.loads(line) for line in lines.decode().split("\n") if line]
        for index, row in enumerate(rows):
            for field in fields:
                value = row.get(field["name"])
                if value is None and field.get("mode") == "REQUIRED":
                    raise SqlError("invalid", f"Error while reading data, error message: JSON table encountered too many errors; Required field {field['name']} cannot be null, row {index}")
                if field["type"] == "BYTES" and value is not None:
                    row[field["name"]] = base64.b64decode(value)
                if field["type"] == "JSON" and value is not None:
                    row[field["name"]] = json.dumps(value)
                if field["type"] == "STRING" and value is not None and len(value) > int(field.get("maxLength", 1 << 30)):
                    raise SqlError("invalid", f"Error while reading data: Field {field['name']} has maximum length {field['maxLength']}")
        columns = ", ".join(quoted([field["name"]]) for field in fields)
        marks = ", ".join("?" for _ in fields)
        cursor.execute("begin")
        try:
            for start in range(0, len(rows), 500):
                part = rows[start : start + 500]
                values = [row.get(field["name"]) for row in part for field in fields]
                cursor.execute(f"insert into {place} ({columns}) values " + ", ".join(f"({marks})" for _ in part), values)
            cursor.execute("commit")
        except duckdb.Error as error:
            cursor.execute("rollback")
            raise SqlError("invalid", f"Error while reading data, error message: {str(error).splitlines()[0]}")
        return len(rows)


def full(parts):
    parts = [piece for part in parts for piece in part.split(".")] if len(parts) == 1 else list(parts)
    return ([PROJECT, "dev"] + parts)[-3:] if len(parts) < 3 else parts


def names_of(text):
    return full([quoted_name or bare for quoted_name, bare in re.findall(r"`([^`]+)`|([\w-]+)", text)])


def written(tree):
    return tree.sql("duckdb", unsupported_level=sqlglot.ErrorLevel.IGNORE)


def split(sql):
    pieces, current, index = [], "", 0
    for token in re.findall(r"'''.*?'''|\"\"\".*?\"\"\"|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`|--[^\n]*|/\*.*?\*/|;|[^'\"`;/-]+|.", sql, re.S):
        if token == ";":
            pieces.append(current)
            current = ""
        else:
            current += token
    return pieces + ([current] if current.strip() else [])


def translated(error):
    message = str(error).splitlines()[0]
    found = lambda pattern: (re.search(pattern, str(error)) or [None, "?"])[1]
    if "already exists" in message:
        return SqlError("duplicate", f"Already Exists: Table {found('name .(.*?). already')}")
    if re.search(r"(Table|View) with name", message) or re.search(r"Table .* does not exist", message):
        return SqlError("notFound", f"Not found: Table {found('with name (.*?) does')} was not found in location US")
    if "chema" in message and "does not exist" in message or "Catalog" in message:
        return SqlError("notFound", f"Not found: Dataset {found('name .?(.*?).? does')} was not found in location US")
    if "Referenced column" in message or "does not have a column" in message:
        return SqlError("invalidQuery", f"Unrecognized name: {found('column .(.*?). ')} at [1:8]".replace('"', ""))
    if isinstance(error, duckdb.ConstraintException):
        return SqlError("invalidQuery", f"Required field {found('[.](.*)$')} cannot be null")
    if isinstance(error, (duckdb.ConversionException, duckdb.OutOfRangeException)):
        return SqlError("invalidQuery", f"Could not cast: {message}")
    if isinstance(error, duckdb.ParserException):
        return SqlError("invalidQuery", f"Syntax error: {message} at [1:1]")
    return SqlError("invalidQuery", message)


def declare(engine, cursor, variables, name):
    variables[name] = []


def assign(engine, cursor, variables, name, query):
    value = cursor.execute(written(sqlglot.parse_one(query, read="bigquery").transform(engine.rewritten))).fetchone()[0]
    variables[name] = [text(item) if not isinstance(item, (int, float)) else str(item) for item in value or []]


def set_options(engine, cursor, variables, kind, name, options):
    names = names_of(name)
    for key, value in re.findall(r"(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|[^,]+)", options):
        engine.option(cursor, names, key.lower(), json.dumps(sqlglot.parse_one(f"select {value}", read="bigquery").expressions[0].name))
    return [], [], None, "ALTER_TABLE"


def column_options(engine, cursor, variables, kind, name, changes):
    for column, value in re.findall(r"alter\s+column\s+`?(\w+)`?\s+set\s+options\s*\(description\s*=\s*('(?:[^'\\]|\\.)*')\)", changes, re.I):
        shown = sqlglot.parse_one(f"select {value}", read="bigquery").expressions[0].name
        cursor.execute(f"comment on column {quoted(names_of(name) + [column])} is {text(shown)}")
    return [], [], None, "ALTER_TABLE"


def alter(engine, cursor, variables, name, changes):
    for change in re.split(r",\s*(?=add|drop)", changes, flags=re.I):
        tree = sqlglot.parse_one(f"alter table t {change}", read="bigquery").transform(engine.rewritten)
        cursor.execute(written(tree).replace("ALTER TABLE t", f"alter table {quoted(names_of(name))}"))
    return [], [], None, "ALTER_TABLE"


def rename(engine, cursor, variables, kind, name, new):
    names = names_of(name)
    cursor.execute(f"alter {kind} {quoted(names)} rename to {quoted([new.strip('`')])}")
    for store in ("options", "layout", "grants"):
        cursor.execute(f"update memory.bq.{store} set place = ? where place = ?", [".".join(names[:2] + [new.strip("`")]), ".".join(names)])
    return [], [], None, "ALTER_TABLE"


def grant(engine, cursor, variables, privilege, kind, name, grantees):
    for grantee in re.findall(r'"([^"]+)"', grantees):
        cursor.execute("insert into memory.bq.grants values (?, ?, ?)", [".".join(names_of(name)), privilege, grantee])
    return [], [], None, "GRANT"


def revoke(engine, cursor, variables, privilege, kind, name, grantees):
    for grantee in re.findall(r'"([^"]+)"', grantees):
        cursor.execute("delete from memory.bq.grants where place = ? and privilege = ? and grantee = ?", [".".join(names_of(name)), privilege, grantee])
    return [], [], None, "REVOKE"


def create_schema(engine, cursor, variables, name):
    parts = [quoted_name or bare for quoted_name, bare in re.findall(r"`([^`]+)`|([\w-]+)", name)]
    cursor.execute(f"create schema if not exists {quoted(([PROJECT] + parts)[-2:])}")
    return [], [], None, "CREATE_SCHEMA"


def sleep(engine, cursor, variables):
    cursor.execute("select count(*) from range(40000000) a, range(40000000) b where a.range + b.range = -1")


COMMANDS = [
    (r"declare\s+(\w+)\s+.*", declare),
    (r"set\s+(\w+)\s*=\s*\((.*)\)", assign),
    (r"alter\s+(table|view|materialized\s+view)\s+(\S+)\s+set\s+options\s*\((.*)\)", set_options),
    (r"alter\s+(table|view)\s+(\S+)\s+(alter\s+column.*set\s+options.*)", column_options),
    (r"alter\s+(table|view)\s+(\S+)\s+rename\s+to\s+(\S+)", rename),
    (r"alter\s+table\s+(\S+)\s+((?:add|drop)\s+column.*)", alter),
    (r"grant\s+`([^`]+)`\s+on\s+(\w+)\s+(\S+)\s+to\s+(.*)", grant),
    (r"revoke\s+`([^`]+)`\s+on\s+(\w+)\s+(\S+)\s+from\s+(.*)", revoke),
    (r"create\s+schema\s+if\s+not\s+exists\s+(\S+)(?:\s+options.*)?", create_schema),
    (r"call\s+test_sleep\(\)", sleep),
]

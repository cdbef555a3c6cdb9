"""Databricks SQL on DuckDB: parsed by sqlglot as Databricks', written by it as DuckDB's; what DuckDB has no words for is done here."""

import json, logging, os, re, threading, time, uuid

import duckdb, pyarrow as pa, sqlglot
from sqlglot import exp

logging.getLogger("sqlglot").setLevel(logging.CRITICAL)


class SqlError(Exception):
    def __init__(self, message, state):
        self.message, self.state = message, state


TAKEN, COLUMN = r'name "(.*?)"', r'column "(.*?)"'
NAME = r"((?:`(?:[^`]|``)+`|\w+)(?:\.(?:`(?:[^`]|``)+`|\w+))*)"


def parts(name):
    found = re.findall(r"`((?:[^`]|``)+)`|(\w+)", name)
    return [(quoted.replace("``", "`") if quoted else bare) for quoted, bare in found]


def duck(names):
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def text(value):
    return "'" + value.replace("'", "''") + "'"


def native(kind):
    """Databricks' text for a type of DuckDB."""
    kind = str(kind)
    if kind.endswith("[]"):
        return f"array<{native(kind[:-2])}>"
    if kind.startswith(("STRUCT", "MAP")):
        return "struct<>" if kind.startswith("STRUCT") else "map<>"
    plain = {
        "VARCHAR": "string", "BLOB": "binary", "INTEGER": "int", "BIGINT": "bigint", "SMALLINT": "smallint", "TINYINT": "tinyint",
        "HUGEINT": "bigint", "UBIGINT": "decimal(20,0)", "TIMESTAMP": "timestamp_ntz", "TIMESTAMP WITH TIME ZONE": "timestamp",
        "JSON": "variant", '"NULL"': "void", "UINTEGER": "bigint", "UUID": "string",
    }
    return plain.get(kind, kind.lower())


def json_type(kind):
    base = native(kind)
    if match := re.fullmatch(r"decimal\((\d+),(\d+)\)", base):
        return {"name": "decimal", "precision": int(match[1]), "scale": int(match[2])}
    if base == "string":
        return {"name": "string", "collation": "UTF8_BINARY"}
    if match := re.fullmatch(r"array<(.*)>", base):
        return {"name": "array", "element_type": {"name": match[1]}, "element_nullable": True}
    return {"name": {"timestamp": "timestamp_ltz"}.get(base, base)}


class Engine:
    def __init__(self, folder):
        self.folder, self.lock = folder, threading.RLock()
        self.database = duckdb.connect(":memory:", config={"threads": 2})
        self.versions = {}
        run = self.database.execute
        run("set TimeZone = 'UTC'")
        run("attach ':memory:' as prod; attach ':memory:' as other; attach ':memory:' as results")
        run('create schema prod."default"; create schema other."default"; create schema memory.uc')
        types = """case when data_type = 'VARCHAR' then 'string' when data_type = 'BLOB' then 'binary' when data_type = 'INTEGER' then 'int'
            when data_type = 'TIMESTAMP' then 'timestamp_ntz' when data_type = 'TIMESTAMP WITH TIME ZONE' then 'timestamp'
            when data_type = 'JSON' then 'variant' else lower(data_type) end"""
        run(f"""create view memory.uc.columns as select database_name as table_catalog, schema_name as table_schema, table_name,
            column_name, column_index - 1 as ordinal_position, case when is_nullable then 'YES' else 'NO' end as is_nullable,
            {types} as full_data_type, comment from duckdb_columns() where not internal""")
        run("""create view memory.uc.tables as
            select database_name as table_catalog, schema_name as table_schema, table_name, 'MANAGED' as table_type, comment,
              'owner' as table_owner, current_timestamp as last_altered, 'DELTA' as data_source_format from duckdb_tables() where not internal
            union all select database_name, schema_name, view_name, 'VIEW', comment, 'owner', current_timestamp, null
            from duckdb_views() where not internal""")
        run("""create table memory.uc.table_privileges (grantee text, privilege_type text, table_catalog text, table_schema text,
            table_name text, inherited_from text)""")
        run("create view memory.uc.schemata as select database_name as catalog_name, schema_name from duckdb_schemas()")

    def cursor(self, catalog):
        cursor = self.database.cursor()
        cursor.execute("set TimeZone = 'UTC'")
        try:
            cursor.execute(f'use "{catalog or "prod"}"."default"')
        except duckdb.Error:
            raise SqlError(f"[NO_SUCH_CATALOG_EXCEPTION] Catalog '{catalog}' was not found. SQLSTATE: 42704", "42704")
        self.catalog = catalog or "prod"
        return cursor

    def full(self, name):
        names = parts(name) if isinstance(name, str) else list(name)
        return ([self.catalog, "default"] + names)[-3:] if len(names) < 3 else names

    def run(self, cursor, statement, limit, key):
        """Columns, the table that holds the rows or else the rows themselves, and their number."""
        try:
            return self.dispatch(cursor, statement, limit, key)
        except duckdb.InterruptException:
            raise SqlError("cancelled", "57014")
        except duckdb.Error as error:
            raise self.translated(error)
        except sqlglot.errors.SqlglotError as error:
            first = str(error).split("\n")[0]
            raise SqlError(f"\n[PARSE_SYNTAX_ERROR] Syntax error: {first}. SQLSTATE: 42601 (line 1, pos 0)\n\n== SQL ==\n{statement[:50]}", "42601")

    def translated(self, error):
        message = str(error)
        name = lambda pattern: (re.search(pattern, message) or [None, "?"])[1]
        if "already exists" in message:
            return SqlError(f"[TABLE_OR_VIEW_ALREADY_EXISTS] Cannot create table or view `{name(TAKEN)}`. SQLSTATE: 42P07", "42P07")
        if re.search(r"(Table|View) with name", message):
            return SqlError(f"[TABLE_OR_VIEW_NOT_FOUND] The table or view `{name(r'with name (.*?) does')}` cannot be found. SQLSTATE: 42P01; line 1 pos 14;\n'Project [*]", "42P01")
        if re.search(r"schema", message, re.I) and "does not exist" in message or "Catalog" in message and "does not exist" in message:
            return SqlError(f"[SCHEMA_NOT_FOUND] The schema cannot be found. {message}. SQLSTATE: 42704", "42704")
        if "Referenced column" in message or "does not have a column" in message or "Values list" in message:
            return SqlError(f"[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column with name `{name(COLUMN)}` cannot be resolved. SQLSTATE: 42703", "42703")
        if isinstance(error, duckdb.ConversionException):
            return SqlError(f"[CAST_INVALID_INPUT] {message.splitlines()[0]} SQLSTATE: 22018", "22018")
        if isinstance(error, duckdb.OutOfRangeException):
            return SqlError(f"[ARITHMETIC_OVERFLOW] {message.splitlines()[0]} SQLSTATE: 22003", "22003")
        if isinstance(error, duckdb.ConstraintException):
            return SqlError(f"[DELTA_NOT_NULL_CONSTRAINT_VIOLATED] {message} SQLSTATE: 23502", "23502")
        if isinstance(error, duckdb.ParserException):
            return SqlError(f"[PARSE_SYNTAX_ERROR] {message.splitlines()[0]} SQLSTATE: 42601", "42601")
        return SqlError(f"[UNSUPPORTED] {message.splitlines()[0]}", None)

    def dispatch(self, cursor, statement, limit, key):
        bare = re.sub(r"^\s*(/\*.*?\*/\s*|--[^\n]*\n\s*)*", "", statement, flags=re.S).rstrip().rstrip(";")
        for pattern, work in COMMANDS:
            if match := re.fullmatch(pattern, bare, re.I | re.S):
                return work(self, cursor, *match.groups())
        if re.match(r"INSERT INTO .* FROM VALUES ", bare, re.S) and len(bare) > 100_000:
            return self.changed(cursor, quick(bare))
        trees = sqlglot.parse(bare, read="databricks")
        if len(trees) != 1:
            raise SqlError("[PARSE_SYNTAX_ERROR] one statement is expected. SQLSTATE: 42601", "42601")
        tree = trees[0].transform(rewritten)
        if isinstance(tree, exp.Command):
            raise SqlError(f"[PARSE_SYNTAX_ERROR] Syntax error at or near '{bare[:20]}'. SQLSTATE: 42601", "42601")
        if isinstance(tree, exp.Query):
            return self.rows(cursor, sql(tree), limit, key, tree)
        if isinstance(tree, exp.Insert):
            self.touch(tree)
            return self.insert(cursor, tree)
        if isinstance(tree, (exp.Update, exp.Delete, exp.Merge, exp.TruncateTable)):
            self.touch(tree)
            return self.changed(cursor, sql(tree))
        if isinstance(tree, exp.Create):
            return self.create(cursor, tree)
        if isinstance(tree, exp.Alter):
            return self.alter(cursor, tree, bare)
        if isinstance(tree, (exp.Drop, exp.Comment)):
            cursor.execute(sql(tree))
            return [], None, [], 0
        raise SqlError(f"[PARSE_SYNTAX_ERROR] Syntax error: {type(tree).__name__} {bare[:40]}. SQLSTATE: 42601", "42601")

    def touch(self, tree):
        table = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
        if isinstance(table, exp.Table):
            self.version([part.name for part in table.parts])

    def version(self, names, fresh=False):
        names = ".".join(self.full(names)).lower()
        with self.lock:
            held = self.versions.setdefault(names, [str(uuid.uuid4()), -1, 0])
            held[1] += 1
            held[2] = time.time()

    def rows(self, cursor, query, limit, key, tree=None):
        if tree is not None and not limit and flows(tree):
            described = cursor.execute(f"describe {query}").fetchall()
            count = cursor.execute(f"select count(*) from (\n{query}\n)").fetchone()[0]
            return [(row[0], native(row[1]).upper()) for row in described], Flow(self.database, query), [], count
        bound = f" limit {limit}" if limit else ""
        table = f'results.main."{key}"'
        cursor.execute(f"create table {table} as select * from (\n{query}\n){bound}")
        described = cursor.execute(f"describe {table}").fetchall()
        count = cursor.execute(f"select count(*) from {table}").fetchone()[0]
        # DuckDB gives equal names of a result new ones in a table.
        names = [column[0] for column in cursor.execute(f"describe {query}").fetchall()]
        return [(name, native(row[1]).upper()) for name, row in zip(names, described)], table, [], count

    def arrow(self, table, rows, columns, first, count, size):
        if table is None:
            arrays = [pa.array([row[index] for row in rows[first : first + count]], pa.string()) for index in range(len(columns))]
            return pa.Table.from_arrays(arrays, [name for name, _ in columns])
        if isinstance(table, Flow):
            found = table.part(first, size)
        else:
            cursor = self.database.cursor()
            cursor.execute("set TimeZone = 'UTC'")
            found = cursor.sql(f"select * from {table} where rowid >= {first} and rowid < {first + count}").to_arrow_table()
        arrays = []
        for index, (_, kind) in enumerate(columns):
            column = found.column(index)
            if kind == "TIMESTAMP":
                column = column.cast(pa.timestamp("us", "Etc/UTC"))
            elif kind == "BIGINT":
                column = column.cast(pa.int64())
            elif kind in ("STRING", "VARIANT"):
                column = column.cast(pa.string())
            elif kind == "BINARY":
                column = column.cast(pa.binary())
            elif kind == "DECIMAL(20,0)":
                column = column.cast(pa.decimal128(20, 0))
            arrays.append(column)
        return pa.Table.from_arrays(arrays, [name for name, _ in columns])

    def changed(self, cursor, *statements):
        cursor.execute("begin")
        try:
            for statement in statements:
                found = cursor.execute(statement).fetchone()
            cursor.execute("commit")
        except Exception:
            try:
                cursor.execute("rollback")
            except duckdb.Error:
                pass
            raise
        count = str(found[0] if found else 0)
        columns = [("num_affected_rows", "BIGINT"), ("num_inserted_rows", "BIGINT")]
        return columns, None, [[count, count]], 1

    def insert(self, cursor, tree):
        overwrite, where = tree.args.get("overwrite"), tree.args.get("where")
        target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
        if not overwrite and where is None:
            return self.changed(cursor, sql(tree))
        partition = tree.args.get("partition")
        tree.set("overwrite", False), tree.set("where", None), tree.set("partition", None)
        name = sql(target)
        gone = f"delete from {name}" + (f" where {sql(where.this)}" if where is not None else "")
        if isinstance(partition, exp.Partition):
            gone += " where " + " and ".join(sql(each) for each in partition.expressions)
        # What is read may be the table itself, so it is read before the rows go.
        source = f"create or replace temp table overwriting as {sql(tree.expression)}"
        columns = f" ({', '.join(sql(each) for each in tree.this.expressions)})" if isinstance(tree.this, exp.Schema) else ""
        by_name = " by name" if tree.args.get("by_name") else ""
        put = f"insert into {name}{columns}{by_name} select * from temp.overwriting"
        return self.changed(cursor, source, gone, put)

    def create(self, cursor, tree):
        kind = tree.args.get("kind")
        if kind in ("TABLE", "VIEW"):
            table = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
            names = self.full([part.name for part in table.parts])
            if kind == "TABLE":
                self.version(names)
            if tree.args.get("replace"):
                # A view gives no way to a table by itself, nor a table to a view.
                found = cursor.execute(
                    "select table_type from memory.uc.tables where lower(table_catalog) = lower(?) and lower(table_schema) = lower(?) and lower(table_name) = lower(?)", names
                ).fetchone()
                if found and (found[0] == "VIEW") != (kind == "VIEW"):
                    raise SqlError(f"[EXPECT_{'TABLE' if kind == 'TABLE' else 'VIEW'}_NOT_{found[0]}] `{names[2]}` is a {found[0]}. SQLSTATE: 42809", "42809")
        if kind == "TABLE" and tree.expression:
            comment = next((p.this.name for p in tree.find_all(exp.SchemaCommentProperty)), None)
            result = self.changed(cursor, sql(tree))
            if comment:
                cursor.execute(f"comment on table {duck(names)} is {text(comment)}")
            return result
        cursor.execute(sql(tree))
        return [], None, [], 0

    def alter(self, cursor, tree, bare):
        name, rest = re.match(rf"ALTER\s+(?:TABLE|VIEW)\s+{NAME}\s+(.*)", bare, re.I | re.S).groups()
        table = duck(self.full(name))
        cursor.execute(f"describe {table}")
        if match := re.fullmatch(rf"RENAME\s+TO\s+{NAME}", rest, re.I):
            kind = re.match(r"ALTER\s+(\w+)", bare, re.I)[1]
            cursor.execute(f"alter {kind} {table} rename to {duck(parts(match[1])[-1:])}")
        elif match := re.fullmatch(r"ADD\s+COLUMNS?\s*\((.*)\)", rest, re.I | re.S):
            made = sqlglot.parse_one(f"create table x ({match[1]})", read="databricks")
            for column in made.this.expressions:
                cursor.execute(f"alter table {table} add column {column.copy().sql('duckdb', unsupported_level=sqlglot.ErrorLevel.IGNORE)}")
        elif match := re.fullmatch(r"DROP\s+COLUMNS?\s*\((.*)\)", rest, re.I | re.S):
            for column in parts(match[1]):
                cursor.execute(f"alter table {table} drop column {duck([column])}")
        elif match := re.fullmatch(rf"ALTER\s+COLUMN\s+{NAME}\s+COMMENT\s+('.*')", rest, re.I | re.S):
            value = sqlglot.parse_one(match[2], read="databricks").name
            cursor.execute(f"comment on column {table}.{duck(parts(match[1]))} is {text(value)}")
        elif match := re.fullmatch(rf"ALTER\s+COLUMN\s+{NAME}\s+SET\s+NOT\s+NULL", rest, re.I | re.S):
            cursor.execute(f"alter table {table} alter column {duck(parts(match[1]))} set not null")
        elif not re.match(r"SET\s+TBLPROPERTIES|CLUSTER\s+BY|ADD\s+CONSTRAINT|SET\s+TAGS", rest, re.I):
            raise SqlError(f"[PARSE_SYNTAX_ERROR] Syntax error: alter {rest[:40]}. SQLSTATE: 42601", "42601")
        self.version(parts(name))
        return [], None, [], 0


def flows(tree):
    """Whether the rows depend on no table and come one by one: then they are computed as they are fetched."""
    reads = any(isinstance(table.this, exp.Identifier) for table in tree.find_all(exp.Table))
    return not reads and tree.find(exp.AggFunc, exp.Order, exp.Distinct, exp.Window) is None and tree.find(exp.Table) is not None


class Flow:
    """Rows in order, in parts of one size (the last may have fewer), some of them kept: parts are asked for in any order."""

    def __init__(self, database, query):
        self.database, self.query, self.lock = database, query, threading.Lock()
        self.restart()

    def restart(self):
        self.parts, self.next = {}, 0
        self.reader = self.database.cursor().sql(self.query).to_arrow_reader(10000)

    def part(self, first, size):
        with self.lock:
            if first not in self.parts and first < self.next:
                self.restart()
            while first not in self.parts:
                held, rows = [], 0
                for batch in self.reader:
                    held.append(batch)
                    rows += batch.num_rows
                    if rows >= size:
                        break
                assert rows == size or first == self.next, "parts have one size, a multiple of the batch"
                self.parts[self.next] = pa.Table.from_batches(held)
                self.next += rows
                for old in [key for key in self.parts if key < self.next - 8 * size]:
                    del self.parts[old]
            return self.parts[first]


def sql(tree):
    return tree.sql("duckdb", unsupported_level=sqlglot.ErrorLevel.IGNORE)


def rewritten(node):
    """What differs between the two beyond their words."""
    if isinstance(node, exp.Table) and node.db and node.db.lower() == "information_schema":
        alias = node.args.get("alias")
        made = exp.table_(node.name.lower(), db="uc", catalog="memory", quoted=True)
        made.set("alias", alias)
        return made
    if isinstance(node, exp.DataType) and node.this == exp.DataType.Type.VARIANT:
        return exp.DataType.build("json")
    # Its to_json keeps NULL fields by itself.
    if isinstance(node, exp.JSONFormat) and node.args.get("options"):
        node.set("options", None)
    # Delta does not enforce keys.
    if isinstance(node, exp.ColumnDef):
        kept = [c for c in node.args.get("constraints") or [] if not isinstance(c.kind, (exp.PrimaryKeyColumnConstraint, exp.CommentColumnConstraint))]
        node.set("constraints", kept)
    if isinstance(node, exp.Schema):
        node.set("expressions", [e for e in node.expressions if not isinstance(e, (exp.PrimaryKey, exp.Constraint, exp.ForeignKey))])
    return node


def quick(bare):
    """A long list of rows, word by word: quoted names, and texts with backslashes."""
    def word(match):
        token = match[0]
        if token[0] == "`":
            return '"' + token[1:-1].replace("``", "`").replace('"', '""') + '"'
        if token[0] in "xX":
            return f"unhex({token[1:]})"
        if token[0] == "'":
            return text(re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}.get(m[1], m[1]), token[1:-1], flags=re.S))
        return token
    bare = re.sub(r"`(?:[^`]|``)*`|[xX]'[0-9A-F]*'|'(?:[^'\\]|\\.)*'", word, bare, flags=re.S)
    head, _, rest = bare.partition(" FROM VALUES ")
    rows, _, names = rest.rpartition(" AS v (")
    head = head.replace("AS BINARY", "AS BLOB").replace("AS binary", "AS BLOB").replace("AS timestamp)", "AS TIMESTAMPTZ)")
    head = head.replace("AS timestamp_ntz)", "AS TIMESTAMP)").replace("AS string", "AS VARCHAR").replace("AS STRING", "AS VARCHAR")
    return f"{head} FROM (VALUES {rows}) AS v ({names}"


def describe_json(self, cursor, name):
    names = self.full(name)
    found = cursor.execute(f"describe {duck(names)}").fetchall()
    kind = cursor.execute(
        "select table_type from memory.uc.tables where lower(table_catalog) = lower(?) and lower(table_schema) = lower(?) and lower(table_name) = lower(?)", names
    ).fetchone()
    columns = [{"name": row[0], "type": json_type(row[1]), "nullable": row[2] == "YES"} for row in found]
    described = {"table_name": names[2], "catalog_name": names[0], "schema_name": names[1], "columns": columns, "type": kind[0]}
    if kind[0] == "MANAGED":
        count = cursor.execute(f"select count(*) from {duck(names)}").fetchone()[0]
        described["statistics"] = {"size_in_bytes": count * 10, "num_rows": count}
    return [("json_metadata", "STRING")], None, [[json.dumps(described)]], 1


def describe_table(self, cursor, name):
    found = cursor.execute(f"describe {duck(self.full(name))}").fetchall()
    rows = [[row[0], native(row[1]), None] for row in found]
    return [("col_name", "STRING"), ("data_type", "STRING"), ("comment", "STRING")], None, rows, len(rows)


def describe_query(self, cursor, query):
    tree = sqlglot.parse_one(query, read="databricks").transform(rewritten)
    found = cursor.execute(f"describe {sql(tree)}").fetchall()
    rows = [[row[0], native(row[1]), None] for row in found]
    return [("col_name", "STRING"), ("data_type", "STRING"), ("comment", "STRING")], None, rows, len(rows)


def describe_history(self, cursor, name):
    names = self.full(name)
    cursor.execute(f"describe {duck(names)}")
    _, version, moment = self.versions[".".join(names).lower()]
    return [("version", "BIGINT"), ("timestamp", "STRING")], None, [[str(version), str(moment)]], 1


def describe_detail(self, cursor, name):
    names = self.full(name)
    cursor.execute(f"describe {duck(names)}")
    held = self.versions.get(".".join(names).lower())
    if held is None:
        raise SqlError("[EXPECT_TABLE_NOT_VIEW] not a table. SQLSTATE: 42809", "42809")
    return [("format", "STRING"), ("id", "STRING")], None, [["delta", held[0]]], 1


def show_schemas(self, cursor, catalog):
    catalog = parts(catalog)[0] if catalog else self.catalog
    found = cursor.execute("select schema_name from memory.uc.schemata where catalog_name = ?", [catalog]).fetchall()
    return [("databaseName", "STRING")], None, [list(row) for row in found], len(found)


def copy_into(self, cursor, name, selected, place):
    folder = os.path.join(self.folder, sqlglot.parse_one(place, read="databricks").name.lstrip("/"))
    tree = sqlglot.parse_one(f"select {selected} from files", read="databricks").transform(rewritten)
    files = sql(tree).replace("FROM files", f"FROM read_parquet({text(folder + '/*.parquet')})")
    self.version(parts(name))
    return self.changed(cursor, f"insert into {duck(self.full(name))} by name {files}")


def grant(self, cursor, privileges, name, who):
    cursor.execute(f"describe {duck(self.full(name))}")
    for one in privileges.split(","):
        row = [parts(who)[0], one.strip().upper(), *[each.lower() for each in self.full(name)]]
        cursor.execute("insert into memory.uc.table_privileges values (?, ?, ?, ?, ?, 'NONE')", row)
    return [], None, [], 0


def revoke(self, cursor, privileges, name, who):
    for one in privileges.split(","):
        row = [parts(who)[0], one.strip().upper(), *[each.lower() for each in self.full(name)]]
        cursor.execute("""delete from memory.uc.table_privileges where grantee = ? and privilege_type = ? and table_catalog = ?
            and table_schema = ? and table_name = ?""", row)
    return [], None, [], 0


def replaced(self, cursor, name, alias, by_name, how, condition, source):
    """INSERT … REPLACE: rows that give way, and rows that come, in one step."""
    self.version(parts(name))
    table, source = duck(self.full(name)), source.strip()
    of = lambda text: sql(sqlglot.parse_one(text, read="databricks").transform(rewritten))
    if how.upper() == "ON":
        query, source_alias = re.fullmatch(r"\((.*)\)\s+AS\s+(\w+)", source, re.I | re.S).groups()
        gone = f"delete from {table} as {alias} where exists (select 1 from temp.replacing as {source_alias} where {of(condition)})"
    elif how.upper() == "USING":
        query, columns = source, [duck(parts(column)) for column in condition.split(",")]
        same = " and ".join(f"d.{column} = s.{column}" for column in columns)
        gone = f"delete from {table} as d where exists (select 1 from temp.replacing as s where {same})"
    else:
        query, gone = source, f"delete from {table} where {of(condition)}"
        rows = cursor.execute(f"select count(*) from ({of(query)}) where ({of(condition)}) is not true").fetchone()[0]
        if rows:
            raise SqlError("[DELTA_REPLACE_WHERE_MISMATCH] Written data does not conform to partial table overwrite condition. SQLSTATE: 44000", "44000")
    made = f"create or replace temp table replacing as {of(query)}"
    return self.changed(cursor, made, gone, f"insert into {table} by name select * from temp.replacing")


def clone(self, cursor, name, source):
    self.version(parts(name))
    cursor.execute(f"create or replace table {duck(self.full(name))} as select * from {duck(self.full(source))}")
    return [], None, [], 0


COMMANDS = [
    (rf"DESCRIBE\s+TABLE\s+EXTENDED\s+{NAME}\s+AS\s+JSON", describe_json),
    (rf"DESCRIBE\s+TABLE\s+{NAME}", describe_table),
    (r"DESCRIBE\s+QUERY\s+(.*)", describe_query),
    (rf"DESCRIBE\s+HISTORY\s+{NAME}\s+LIMIT\s+1", describe_history),
    (rf"DESCRIBE\s+DETAIL\s+{NAME}", describe_detail),
    (rf"SHOW\s+SCHEMAS(?:\s+IN\s+{NAME})?", show_schemas),
    (rf"COPY\s+INTO\s+{NAME}\s+FROM\s+\(\s*SELECT\s+(.*)\s+FROM\s+('[^']*')\s*\)\s+FILEFORMAT\s*=\s*PARQUET", copy_into),
    (rf"GRANT\s+(.*?)\s+ON\s+(?:TABLE\s+|VIEW\s+)?{NAME}\s+TO\s+{NAME}", grant),
    (rf"REVOKE\s+(.*?)\s+ON\s+(?:TABLE\s+|VIEW\s+)?{NAME}\s+FROM\s+{NAME}", revoke),
    (rf"CREATE\s+OR\s+REPLACE\s+TABLE\s+{NAME}\s+SHALLOW\s+CLONE\s+{NAME}", clone),
    (rf"INSERT\s+INTO\s+{NAME}\s+AS\s+(\w+)(\s+BY\s+NAME)\s+REPLACE\s+(ON)\s*\((.*)\)\s+(\(\s*SELECT.*)", replaced),
    (rf"INSERT\s+INTO\s+{NAME}()(\s+BY\s+NAME)\s+REPLACE\s+(USING)\s*\(([^()]*)\)\s+(SELECT.*)", replaced),
    (rf"INSERT\s+INTO\s+{NAME}()(\s+BY\s+NAME)?\s+REPLACE\s+(WHERE)\s+(.*?)\s+(SELECT\s.*)", replaced),
    (rf"OPTIMIZE\s+{NAME}.*", lambda self, cursor, name: ([], None, [], 0)),
]

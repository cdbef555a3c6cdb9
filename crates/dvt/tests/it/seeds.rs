//! Seeds on PostgreSQL: values that are read here and values that the server reads give the same rows.

use crate::project::{Project, output, postgres_rows};

const TYPES: &[(&str, &str)] = &[
    ("small", "smallint"),
    ("whole", "integer"),
    ("big", "bigint"),
    ("money", "numeric(10,2)"),
    ("ratio", "double precision"),
    ("flag", "boolean"),
    ("day", "date"),
    ("moment", "timestamp"),
    ("short", "varchar(5)"),
    ("long", "text"),
    ("guessed", "integer"),
];

const ROWS: &str = "\
small,whole,big,money,ratio,flag,day,moment,short,long,guessed
1,-2147483648,9223372036854775807,1.005,0.1,true,2020-02-29,2020-02-29 23:59:59.123456,abcde,\"a, \"\"b\"\"\nc\",7
-32768,+5, 12 ,-1.005,1e-5,f,0001-01-01,0001-01-01 00:00:00,ä€😀,NULLs,-7
32767,0,-9223372036854775808,99999999.99,-1.5E300,FALSE,9999-12-31,1969-12-31T23:59:59.5,\"ab   \", two  blanks ,0
,null,NULL,, ,,,,,,
007,1,1,.5,5.,t,1582-10-10,2024-06-01 12:00:00,x,y,1
";

fn project(url: &dvt_test_support::TestDatabase, rows: &str) -> Project {
    let mut types = String::new();
    for (name, column_type) in TYPES.iter().filter(|(name, _)| *name != "guessed") {
        types += &format!("        {name}: {column_type}\n");
    }
    let texts: String = TYPES.iter().map(|(name, _)| format!("        {name}: text\n")).collect();
    Project::new()
        .profile("pg", &format!("    pg: {}\n", output(url, "public")))
        .file("seeds/typed.csv", rows)
        .file("seeds/raw.csv", rows)
        .file(
            "seeds/seeds.yml",
            &format!(
                "version: 2\nseeds:\n  - name: typed\n    config:\n      column_types:\n{types}  - name: raw\n    config:\n      column_types:\n{texts}"
            ),
        )
}

/// Rows of `typed` that are not those of `raw`, as the server casts them.
fn differences(database: &dvt_test_support::TestDatabase) -> Vec<String> {
    let casts: Vec<String> = TYPES.iter().map(|(name, column_type)| format!("cast({name} as {column_type})")).collect();
    let casts = casts.join(", ");
    let typed: Vec<&str> = TYPES.iter().map(|(name, _)| *name).collect();
    let typed = typed.join(", ");
    postgres_rows(
        database,
        &format!(
            "(select {typed} from public.typed except all select {casts} from public.raw) union all \
             (select {casts} from public.raw except all select {typed} from public.typed)"
        ),
    )
}

#[test]
fn a_typed_seed_has_the_rows_that_the_server_reads() {
    let Some(database) = dvt_test_support::postgres() else { return };
    let direct = project(&database, ROWS);
    direct.dvt("seed").exits(0);
    assert_eq!(differences(&database), Vec::<String>::new());
    // Again: the table is kept, emptied and filled.
    direct.dvt("seed").exits(0);
    assert_eq!(differences(&database), Vec::<String>::new());
    assert_eq!(postgres_rows(&database, "select count(*) as n from public.typed"), [r#"{"n": 5}"#]);

    // One value that only the server can read: then it reads all of them.
    let by_server =
        project(&database, &format!("{ROWS}1,1,1,1e3,1,yes,\"June 5, 2024\",2024-06-01 12:00:00+02,x,y,1\n"));
    by_server.dvt("seed --full-refresh").exits(0);
    assert_eq!(differences(&database), Vec::<String>::new());
    assert_eq!(
        postgres_rows(&database, "select money, flag, day::text from public.typed where day = '2024-06-05'"),
        [r#"{"day": "2024-06-05", "flag": true, "money": 1000.00}"#]
    );
    let left = "select count(*) as n from pg_class where relname like 'dvt%'";
    assert_eq!(postgres_rows(&database, left), [r#"{"n": 0}"#], "nothing of ours is left");
}

#[test]
fn a_seed_that_fails_leaves_the_table_as_it_was() {
    let Some(database) = dvt_test_support::postgres() else { return };
    project(&database, ROWS).dvt("seed").exits(0);
    // Too large for its column: the server says so, and what was there stays.
    project(&database, &ROWS.replace("007,", "70000,")).dvt("seed --select typed").exits(1);
    assert_eq!(differences(&database), Vec::<String>::new());
    // Fails after the rows are in.
    let failing = project(&database, ROWS).file("macros/fail.sql", "{% macro fail() %}select 1/0{% endmacro %}");
    let failing = failing.file(
        "seeds/hooks.yml",
        "version: 2\nseeds:\n  - name: other\n    config:\n      post_hook: \"{{ fail() }}\"\n",
    );
    let failing = failing.file("seeds/other.csv", "a\n1\n");
    failing.dvt("seed --select other").exits(1);
    assert_eq!(postgres_rows(&database, "select count(*) as n from pg_class where relname = 'other'"), [r#"{"n": 0}"#]);
}

/// A table of an earlier run keeps its own types, whatever the file's values look like now.
#[test]
fn a_seed_goes_into_the_types_that_its_table_has() {
    let Some(database) = dvt_test_support::postgres() else { return };
    let profile = format!("    pg: {}\n", output(&database, "public"));
    let first = Project::new().profile("pg", &profile).file("seeds/codes.csv", "code,n\nA1,1\nB2,2\n");
    first.dvt("seed").exits(0);
    let second = Project::new().profile("pg", &profile).file("seeds/codes.csv", "n,code\n10,7\n20,8\n");
    second.dvt("seed").exits(0);
    assert_eq!(
        postgres_rows(&database, "select * from public.codes order by n"),
        [r#"{"n": 10, "code": "7"}"#, r#"{"n": 20, "code": "8"}"#]
    );
}

/// A large file's types are foretold by its first rows; the last one has as much to say.
#[test]
fn the_end_of_a_large_file_counts_as_much_as_its_beginning() {
    let Some(database) = dvt_test_support::postgres() else { return };
    const BODY: &str = "7,12.5,true,2024-01-01,2024-01-01 10:00:00,some text that makes the row longer,";
    const HEADER: &str = "n,ratio,flag,day,moment,note,late";
    let body = format!("{BODY}\n").repeat(60_000);
    let ends = [
        "8,1.5,false,2024-01-02,2024-01-02 10:00:00,plain,",
        "3000000000,1.5,false,2024-01-02,2024-01-02 10:00:00,,",
        "8.5,1,false,2024-01-02,2024-01-02 10:00:00,,",
        "x,1,maybe,2024-01-02,2024-01-02 10:00:00,,",
        "8,1,false,2024-01-02 00:00:01,soon,,",
        "8,1,false,2024-01-02,2024-01-02 10:00:00,,5",
        "8,much,0,today,2024-01-02 10:00:00,,",
        "8,1",
    ];
    let mut project = Project::new().profile("pg", &format!("    pg: {}\n", output(&database, "public")));
    for (at, end) in ends.iter().enumerate() {
        project = project
            .file(&format!("seeds/large{at}.csv"), &format!("{HEADER}\n{body}{end}\n"))
            .file(&format!("seeds/small{at}.csv"), &format!("{HEADER}\n{BODY}\n{end}\n"));
    }
    for flags in ["", "--full-refresh"] {
        project.dvt(&format!("seed {flags}")).exits(0);
        for (at, end) in ends.iter().enumerate() {
            let types = |table: &str| {
                let query = format!(
                    "select column_name as c, data_type as t from information_schema.columns where table_name = '{table}{at}' order by ordinal_position"
                );
                postgres_rows(&database, &query)
            };
            assert_eq!(types("large"), types("small"), "{end}");
            let differing = format!(
                "select count(*) as n from (select * from large{at} group by 1, 2, 3, 4, 5, 6, 7 except select * from small{at}) as d"
            );
            assert_eq!(postgres_rows(&database, &differing), [r#"{"n": 0}"#], "{end}");
            let counted = format!("select count(*) as n from large{at}");
            assert_eq!(postgres_rows(&database, &counted), [r#"{"n": 60001}"#], "{end}");
        }
    }
    // A row that no reading can take: the table stays as it was, and the message has the line.
    let broken = format!("{HEADER}\n{body}8,1,false,2024-01-02,2024-01-02 10:00:00,,5,6\n");
    project.file("seeds/large0.csv", &broken).dvt("seed --select large0").exits(1).says("line 60002");
    assert_eq!(postgres_rows(&database, "select count(*) as n from large0"), [r#"{"n": 60001}"#]);
}

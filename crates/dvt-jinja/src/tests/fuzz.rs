//! Random templates and YAML texts: whatever comes in, nothing panics, hangs, or takes all memory.
//!
//! Short by default; `DVT_FUZZ_SECONDS=3600` runs an hour, `DVT_FUZZ_SEED` chooses where it starts. A failure names the
//! seed of its case.

use super::support::{context, library};
use crate::{MacroLibrary, ParseBridge, Phase, ValueMode, render, render_value};
use dvt_diagnostics::SourceFile;
use dvt_sql::POSTGRES;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A generator of small random numbers (splitmix64): the same seed gives the same case everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap_or(0)
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }
}

const ATOMS: &[&str] = &[
    "x",
    "l",
    "d",
    "1",
    "-7",
    "2.5",
    "1e308",
    "0",
    "'a'",
    "'äöü'",
    "''",
    "none",
    "true",
    "[]",
    "{}",
    "(1,)",
    "this",
    "target",
    "model",
    "table",
    "var('v', 3)",
    "ref('m')",
    "source('s', 't')",
    "loop",
    "range(3)",
    "undefined_name",
    "modules.datetime.datetime(2024, 2, 29)",
    "modules.re.compile('(a|b)*')",
    "api.Column('a', 'varchar', 3)",
    "ns.a",
    "adapter",
    "flags",
    "graph",
    "builtins",
    "caller",
    "varargs",
    "namespace(a=1)",
    "zip([1], 'ab')",
    "9999999999999999",
];
const OPERATORS: &[&str] =
    &["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", ">=", "and", "or", "in", "not in", "is"];
const FILTERS: &[&str] = &[
    "upper",
    "list",
    "length",
    "first",
    "last",
    "join(',')",
    "map('upper')",
    "map(attribute='a')",
    "select",
    "sort",
    "unique",
    "batch(2)",
    "slice(3)",
    "tojson",
    "int",
    "float",
    "round(2)",
    "abs",
    "default('z')",
    "replace('a', 'bb')",
    "indent(2)",
    "wordwrap(3)",
    "truncate(2)",
    "center(9)",
    "reverse",
    "sum",
    "max",
    "groupby('a')",
    "dictsort",
    "items",
    "as_native",
    "as_number",
    "as_bool",
    "pprint",
    "string",
    "trim",
    "title",
    "format(1, 2)",
    "urlencode",
    "xmlattr",
    "nosuchfilter",
    "selectattr('a', 'equalto', 1)",
    "random",
    "filesizeformat",
    "striptags",
    "wordcount",
    "attr('a')",
];
const METHODS: &[&str] = &[
    ".upper()",
    ".split('a', 1)",
    ".append(l)",
    ".items()",
    ".get('a', x)",
    ".format(1, a=2)",
    "[0]",
    "[-1:]",
    "[::-2]",
    "['a']",
    ".pop()",
    ".update(d)",
    ".render()",
    ".include(database=false)",
    ".strftime('%Y%q%')",
    ".values()",
    ".a.b",
    ".replace('', 'y')",
    ".zfill(7)",
    ".splitlines()",
    ".expandtabs(3)",
    ".sub('b', 'c')",
    "()",
    "(1, *l)",
    "(**d)",
    ".join(l)",
    ".encode()",
    ".isoformat()",
    ".sort(reverse=true)",
    ".index('a')",
    ".setdefault('a', l)",
    ".extend(l)",
];
const BITS: &[&str] = &[
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "{%-",
    "-%}",
    "'",
    "\"",
    "\\",
    "if ",
    "endif",
    "for i in ",
    "endfor",
    "set ",
    "endset",
    "macro m()",
    "endmacro",
    "call ",
    "raw",
    "endraw",
    "do ",
    "é",
    "\u{0}",
    "\u{1F600}",
    "(",
    ")",
    "[",
    "]",
    "|",
    ".",
    ",",
    ":",
    "\n",
    " ",
    "is ",
    "not ",
    "0x",
    "1_0",
    "1.",
    "..",
    "**",
    "filter upper",
    "block b",
    "snapshot s",
];

fn expression(random: &mut Random, depth: usize) -> String {
    let mut text = match random.below(if depth > 3 { 2 } else { 9 }) {
        0..=3 => random.pick(ATOMS).to_owned(),
        4 | 5 => {
            let (left, right) = (expression(random, depth + 1), expression(random, depth + 1));
            format!("({left} {} {right})", random.pick(OPERATORS))
        }
        6 => format!("[{}, {}]", expression(random, depth + 1), expression(random, depth + 1)),
        7 => format!("{{'a': {}, 1: {}}}", expression(random, depth + 1), expression(random, depth + 1)),
        _ => {
            let parts = [0, 1, 2].map(|_| expression(random, depth + 1));
            format!("({} if {} else {})", parts[0], parts[1], parts[2])
        }
    };
    for _ in 0..random.below(3) {
        match random.below(4) {
            0 => text = format!("{text}|{}", random.pick(FILTERS)),
            1 => {
                text =
                    format!("({text} is {})", random.pick(&["none", "defined", "in [1]", "odd", "mapping", "nosuch"]))
            }
            _ => text.push_str(random.pick(METHODS)),
        }
    }
    text
}

fn statements(random: &mut Random, depth: usize) -> String {
    let mut text = String::new();
    for _ in 0..=random.below(3) {
        let inner = |random: &mut Random| if depth > 2 { "t".to_owned() } else { statements(random, depth + 1) };
        let expr = expression(random, depth);
        text.push_str(&match random.below(12) {
            0 => format!("{{% if {expr} %}}{}{{% else %}}{}{{% endif %}}", inner(random), inner(random)),
            1 => format!("{{%- for i in {expr} -%}}{}{{% endfor %}}", inner(random)),
            2 => format!("{{% set {} = {expr} %}}", random.pick(&["x", "l", "d", "x, l", "ns.a"])),
            3 => format!("{{% set x %}}{}{{% endset %}}", inner(random)),
            4 => format!("{{% macro m(a, b={expr}) %}}{}{{% endmacro %}}{{{{ m(x) }}}}", inner(random)),
            5 => format!("{{% call m() %}}{}{{% endcall %}}", inner(random)),
            6 => format!("{{% do {expr} %}}"),
            7 => format!("{{% filter {} %}}{}{{% endfilter %}}", random.pick(FILTERS), inner(random)),
            8 => "select 1 -- text\n".to_owned(),
            9 => format!("{{{{ render('{{{{ x }}}}') }}}}{{{{ return({expr}) }}}}"),
            _ => format!("{{{{ {expr} }}}}"),
        });
    }
    text
}

/// A template: well-formed for the most part, then maybe cut, doubled or spoilt.
fn template(random: &mut Random) -> String {
    let mut text = format!(
        "{{% set x = 'ab' %}}{{% set l = [1, 'b'] %}}{{% set d = {{'a': 1}} %}}{{% set ns = namespace(a=1) %}}{}",
        statements(random, 0)
    );
    for _ in 0..random.below(4) {
        let mut at = random.below(text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        match random.below(4) {
            0 => text.truncate(at),
            1 => text.insert_str(at, random.pick(BITS)),
            2 => {
                let rest = text.split_off(at);
                text.extend(rest.chars().skip(1 + random.below(3)));
            }
            _ => {}
        }
    }
    text
}

fn yaml(random: &mut Random) -> String {
    const PARTS: &[&str] = &[
        "a: ",
        "- ",
        "  ",
        "\n",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "&x ",
        "*x",
        "<<: ",
        "|",
        ">-",
        "'",
        "\"",
        "#",
        "? ",
        "!!str ",
        "1",
        "0x1F",
        "017",
        "1e3",
        "~",
        "yes",
        "2020-01-01",
        "12:30:45",
        "é",
        "\t",
        "---\n",
        "...\n",
        ": ",
        "<<: *x\n",
        "%",
    ];
    (0..random.below(40)).map(|_| random.pick(PARTS)).collect()
}

/// How long the fuzzer runs, and from which seed.
fn budget() -> (Duration, u64) {
    let variable = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seconds = variable("DVT_FUZZ_SECONDS").map_or(Duration::from_millis(1500), Duration::from_secs);
    (seconds, variable("DVT_FUZZ_SEED").unwrap_or(1))
}

/// Runs cases until the time is over; none may take longer than ten seconds.
fn run_cases(case: impl Fn(&mut Random)) {
    let (time, first) = budget();
    let begun = Instant::now();
    let mut seed = first;
    while begun.elapsed() < time {
        let started = Instant::now();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| case(&mut Random(seed))));
        assert!(outcome.is_ok(), "the case of DVT_FUZZ_SEED={seed} panicked");
        assert!(started.elapsed() < Duration::from_secs(10), "the case of DVT_FUZZ_SEED={seed} took too long");
        seed += 1;
    }
}

fn render_both(library: &MacroLibrary, text: &str) {
    for phase in [Phase::Parse, Phase::Run] {
        let bridge = Arc::new(ParseBridge::new("warehouse", &POSTGRES));
        let file = SourceFile::new("models/fuzz.sql", text);
        if let Err(error) = render(library, &context(phase), bridge, &file) {
            // The error must be showable too.
            let shown = dvt_diagnostics::render(&error.diagnostic(), dvt_diagnostics::RenderStyle::Plain);
            assert!(!shown.is_empty());
        }
    }
}

#[test]
fn no_template_panics_or_hangs() {
    let library = library(&[]);
    run_cases(|random| render_both(&library, &template(random)));
}

#[test]
fn no_yaml_value_panics_or_hangs() {
    let library = library(&[]);
    run_cases(|random| {
        let text = if random.below(2) == 0 { template(random) } else { yaml(random) };
        for mode in [ValueMode::Native, ValueMode::Text] {
            let bridge = Arc::new(ParseBridge::new("warehouse", &POSTGRES));
            let _ = render_value(&library, &context(Phase::Run), bridge, &text, None, mode);
        }
        let quoted = format!("{{{{ fromyaml({}) | toyaml }}}}", serde_json::Value::from(yaml(random)));
        render_both(&library, &quoted);
    });
}

#[test]
fn no_macro_file_panics() {
    run_cases(|random| {
        let text = format!("{{% macro a(x) %}}{}{{% endmacro %}}{}", statements(random, 1), template(random));
        let mut files = vec![crate::MacroFile::new("shop", SourceFile::new("macros/fuzz.sql", text.as_str()))];
        files.push(crate::MacroFile::new("shop", SourceFile::new("macros/other.sql", template(random).as_str())));
        if let Ok(library) = MacroLibrary::load(&files, "shop", crate::DispatchConfig::default(), &[]) {
            render_both(&library, "{{ a(1) }}{% call a() %}{% endcall %}");
        }
        let file = SourceFile::new("models/docs.md", text);
        let _ = (MacroLibrary::docs_blocks(&file), MacroLibrary::snapshot_blocks(&file));
    });
}

#[test]
fn text_and_lists_that_double_without_end_are_refused() {
    let library = library(&[]);
    for text in [
        "{% set ns = namespace(x='abc') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{% set ns = namespace(x='abc') %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{% set ns = namespace(x='abc') %}{% for i in range(99) %}{% set ns.x = ns.x.replace('a', ns.x) %}{% endfor %}",
        "{% set l = [1, 2] %}{% for i in range(99) %}{% do l.extend(l) %}{% endfor %}",
        "{% set ns = namespace(x='abc') %}{% for i in range(99) %}{% set ns.x = '%s%s' % (ns.x, ns.x) %}{% endfor %}",
        "{% set ns = namespace(x='abc') %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] | join %}{% endfor %}",
        "{% set ns = namespace(x='abc') %}{% for i in range(99) %}{% set ns.x %}{{ ns.x }}{{ ns.x }}{% endset %}{% endfor %}",
    ] {
        let bridge = Arc::new(ParseBridge::new("warehouse", &POSTGRES));
        let rendered = render(&library, &context(Phase::Run), bridge, &SourceFile::new("models/big.sql", text));
        assert!(rendered.unwrap_err().message.contains("too large"), "{text}");
    }
}

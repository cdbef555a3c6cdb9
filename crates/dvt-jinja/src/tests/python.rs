//! Python's modules and functions that dbt opens to templates.

use super::support::{check, check_error};

#[test]
fn json_has_pythons_bytes() {
    check(
        "{{ tojson({'b': [1, 2.0, none, true], 'a': 'é\"'}) }}",
        "{\"b\": [1, 2.0, null, true], \"a\": \"\\u00e9\\\"\"}",
    );
    check(
        "{{ tojson({'b': 1, 'a': 2}, sort_keys=true) }} {{ fromjson('{\"x\": [1]}').x[0] }} {{ fromjson('nope', 'd') }}",
        "{\"a\": 2, \"b\": 1} 1 d",
    );
    check("{{ local_md5('a') }}", "0cc175b9c0f1b6a831c399e269772661");
}

#[test]
fn yaml_is_read_and_written() {
    check("{{ fromyaml('a: [1, x, yes]\nb: {c: null}') }}", "{'a': [1, 'x', True], 'b': {'c': None}}");
    check("{{ fromyaml('a: [', 'd') }} {{ fromyaml('x: &k {a: 1}\ny: *k').y.a }}", "d 1");
    check("{{ toyaml({'a': [1, 'yes', {'b': 'x'}], 'c': {}}) }}", "a:\n- 1\n- 'yes'\n- b: x\nc: {}\n");
}

#[test]
fn sets_and_zips() {
    check(
        "{{ set([1, 2, 1]) | length }} {{ set(5, 'd') }} {{ zip([1, 2], ['a', 'b']) | list }} {{ zip(1, default=[]) }}",
        "2 d [(1, 'a'), (2, 'b')] []",
    );
    check("{{ set([1]).union([2]) }} {{ set([1, 2]).difference([2]) }}", "{1, 2} {1}");
    check("{{ diff_of_two_dicts({'Select': ['a', 'B']}, {'select': ['b']}) }}", "{'Select': ['a']}");
    check_error("{{ set_strict(5) }}", "'int' object is not iterable");
    check_error("{{ range(1000000) }}", "Range too big");
}

#[test]
fn datetimes_compute() {
    let d = "{% set dt = modules.datetime.datetime %}{% set td = modules.datetime.timedelta %}";
    check(
        &format!("{d}{{{{ dt(2024, 2, 28) + td(days=2) }}}} {{{{ (dt(2024, 3, 1) - dt(2024, 2, 1)).days }}}}"),
        "2024-03-01 00:00:00 29",
    );
    check(
        &format!("{d}{{{{ dt.strptime('01/02/2024 03:04', '%d/%m/%Y %H:%M').isoformat() }}}}"),
        "2024-02-01T03:04:00",
    );
    check(
        &format!("{d}{{{{ dt(2024, 1, 5).strftime('%Y%m%d %b %A %j %-d') }}}} {{{{ dt(2024, 1, 5).date() }}}}"),
        "20240105 Jan Friday 005 5 2024-01-05",
    );
    check(
        &format!(
            "{d}{{{{ dt(2024, 1, 1) < dt(2024, 1, 2) }}}} {{{{ dt(2024, 1, 1).replace(year=2020).year }}}} {{{{ td(hours=36) }}}}"
        ),
        "True 2020 1 day, 12:00:00",
    );
    check(
        "{{ modules.pytz.timezone('America/New_York').localize(modules.datetime.datetime(2024, 7, 1)).isoformat() }}",
        "2024-07-01T00:00:00-04:00",
    );
    check("{{ run_started_at.astimezone(modules.pytz.timezone('Europe/Berlin')) }}", "2026-11-23 05:05:06+01:00");
    check("{{ modules.datetime.datetime.fromisoformat('2024-01-02T03:04:05.5+00:00').timestamp() }}", "1704164645.5");
    check("{{ modules.datetime.date(2024, 1, 31) + modules.datetime.timedelta(1) }}", "2024-02-01");
    check_error("{{ modules.datetime.datetime.strptime('x', '%Y') }}", "time data 'x' does not match format '%Y'");
    check_error("{{ modules.datetime.datetime(2024, 2, 30) }}", "day is out of range for month");
}

#[test]
fn regular_expressions_are_pythons() {
    check(
        "{{ modules.re.match('(\\\\w+) (?P<b>\\\\w+)', 'ab cd').group('b') }} {{ modules.re.match('b', 'ab') }}",
        "cd None",
    );
    check(
        "{{ modules.re.sub('(a)(b)', '\\\\2\\\\1', 'ab ab') }} {{ modules.re.findall('\\\\d+', 'a1b22') }}",
        "ba ba ['1', '22']",
    );
    check(
        "{{ modules.re.search('(?<=x)y', 'xy').start() }} {{ modules.re.split('[,;]', 'a,b;c') }}",
        "1 ['a', 'b', 'c']",
    );
    check(
        "{{ modules.re.compile('A', modules.re.IGNORECASE).fullmatch('a') is not none }} {{ modules.re.escape('a.b') }}",
        "True a\\.b",
    );
    check_error("{{ modules.re.match('(', 'a') }}", "is malformed");
}

#[test]
fn itertools_give_lists() {
    check(
        "{{ modules.itertools.product('ab', [1]) }} {{ modules.itertools.combinations([1, 2, 3], 2) | length }}",
        "[('a', 1), ('b', 1)] 3",
    );
    check(
        "{{ modules.itertools.chain([1], [2]) }} {{ modules.itertools.zip_longest([1], [2, 3], fillvalue=0) }}",
        "[1, 2] [(1, 2), (0, 3)]",
    );
}

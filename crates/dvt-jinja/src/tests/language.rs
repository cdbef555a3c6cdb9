//! Jinja itself: whitespace, operators, mutable containers, loops, filters.

use super::support::{check, check_error};

#[test]
fn whitespace_is_left_as_jinja_leaves_it() {
    check("select 1\n{% if true %}\n  a\n{% endif %}\nb", "select 1\n\n  a\n\nb");
    check("a {%- if true -%} b {%- endif %} c", "ab c");
    check("a\n{#- gone -#}\nb", "ab");
    check("x {{- 'y' -}} z", "xyz");
    check("{% raw %}{{ not rendered }}{% endraw %}", "{{ not rendered }}");
    check("{% set x %}\n a \n{% endset %}[{{ x }}]", "[\n a \n]");
}

#[test]
fn the_blank_space_around_a_file_is_not_part_of_the_template() {
    check("\n\n  select 1\n\n", "select 1");
}

#[test]
fn lists_and_dicts_are_shared_and_mutable() {
    check("{% set a = [1] %}{% set b = a %}{% do b.append(2) %}{{ a }}", "[1, 2]");
    check("{% set d = {} %}{% do d.update({'x': 1}) %}{% do d.update(y=2) %}{{ d }}", "{'x': 1, 'y': 2}");
    check("{% set d = {'a': 1} %}{% do d.setdefault('b', []).append(3) %}{{ d }}", "{'a': 1, 'b': [3]}");
    check("{% set a = [3, 1, 2] %}{% do a.sort() %}{{ a }}{{ a.pop() }}{{ a }}", "[1, 2, 3]3[1, 2]");
    check("{% set a = 'b,a'.split(',') | sort %}{% do a.append('c') %}{{ a }}", "['a', 'b', 'c']");
    check("{% set a = [] %}{% for x in [1, 2] %}{% do a.extend([x, x]) %}{% endfor %}{{ a }}", "[1, 1, 2, 2]");
    check("{% set a = [1, 2] %}{% do a.insert(0, 0) %}{% do a.remove(2) %}{{ a }}", "[0, 1]");
    check("{% set a = [1] %}{% set _ = a.append(a) %}{{ a | length }}", "2");
}

#[test]
fn do_takes_any_expression() {
    check("{% set a = [] %}{% do [a.append(1), a.append(2)] %}{{ a }}", "[1, 2]");
    check("{% set a = [] %}{%- do a.append(1) if true else a.append(2) -%}{{ a }}", "[1]");
    check("{{ {(1, 2): 'x'}[1, 2] }} {% set d = {} %}{% do d.update({'a': [1, 2][0]}) %}{{ d }}", "x {'a': 1}");
    // Lists behind operators stay lists when the text has to be changed for the parser.
    check("{% do [1] %}{% for x in [1, 2] if x not in[2, 3] %}{{ x }}{% endfor %}{{ 1 in [0, 1] }}", "1True");
    check(
        "{% set d = {} %}{% do d.setdefault('a', [1, 2]) %}{% do [0] %}{{ d['a'][1] }}{{ {(1, 2): 'x'}[1, 2] }}",
        "2x",
    );
    check_error("{% do [1] %}\n{{ 1 + 'a' }}", "unsupported operand type(s) for +: 'int' and 'str'");
}

#[test]
fn values_print_as_in_python() {
    check("{{ true }} {{ none }} {{ [true, none, 'a', 1.0] }} {{ (1,) }}", "True None [True, None, 'a', 1.0] (1,)");
    check("{{ \"it's\" }} {{ [\"it's\", 'a\"b'] }}", "it's [\"it's\", 'a\"b']");
    check("{{ 1 / 2 }} {{ 4 / 2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 2 ** 10 }}", "0.5 2.0 3 -4 2 1024");
    check("{{ 1e16 }} {{ 0.00001 }} {{ 1.5e300 }}", "1e+16 1e-05 1.5e+300");
    check("{{ set([1, 1, 2]) }} {{ set([]) }}", "{1, 2} set()");
}

#[test]
fn operators_follow_python() {
    check(
        "{{ 1 == 1.0 }} {{ 1 < 2 < 3 }} {{ 'a' in 'cat' }} {{ 2 not in [1] }} {{ 'x' ~ 1 ~ none }}",
        "True True True True x1None",
    );
    check(
        "{{ [1] + [2] }} {{ 'ab' * 2 }} {{ '%s-%03d' % ('a', 7) }} {{ '%s' % 'x' }} {{ '%(k)s' % {'k': 1} }}",
        "[1, 2] abab a-007 x 1",
    );
    check("{{ 'abc'[1:] }} {{ [1, 2, 3][-1] }} {{ [1, 2, 3][::-1] }} {{ 'abc'[-2:] }}", "bc 3 [3, 2, 1] bc");
    check("{{ (1 and 0) }} {{ (none or 'x') }} {{ not '' }}", "0 x True");
    check("{{ 'yes' if 1 > 0 else 'no' }}{{ 'never' if false }}", "yes");
    check_error("{{ 'a' + 1 }}", "can only concatenate str (not \"int\") to str");
    check_error("{{ 1 // 0 }}", "by zero");
    check_error("{{ 1 < 'a' }}", "'<' not supported between instances of 'int' and 'str'");
}

#[test]
fn long_chains_and_values_that_hold_themselves_do_not_overflow() {
    let chain = vec!["'a'"; 5000].join(" ~ ");
    check(&format!("{{{{ ({chain}) | length }}}}"), "5000");
    check("{% set a = [] %}{% set b = [] %}{% do a.append(b) %}{% do b.append(a) %}{{ a == b }}", "False");
}

#[test]
fn loops_have_their_own_scope() {
    check("{% set x = 1 %}{% for i in [1] %}{% set x = 2 %}{% endfor %}{{ x }}", "1");
    check("{% set ns = namespace(x=1) %}{% for i in [1] %}{% set ns.x = 2 %}{% endfor %}{{ ns.x }}", "2");
    check("{% for a, b in {'k': 'v'}.items() %}{{ a }}={{ b }}{% endfor %}", "k=v");
    check("{% for x in [] %}{% else %}none{% endfor %}", "none");
    check(
        "{% for x in [1, 2, 3] if x != 2 %}{{ loop.index }}:{{ x }}{{ ',' if not loop.last }}{% endfor %}",
        "1:1,2:3",
    );
    check("{% for x in [1, 2, 3] %}{% if x == 2 %}{% continue %}{% endif %}{{ x }}{% endfor %}", "13");
    check("{% for x in range(5) %}{% if x == 2 %}{% break %}{% endif %}{{ x }}{% endfor %}", "01");
    check("{% for x in ['a', 'b'] %}{{ loop.cycle('odd', 'even') }} {% endfor %}", "odd even ");
    check(
        "{% for n in [[1, [2]]] recursive %}{% if n is iterable %}({{ loop(n) }}){% else %}{{ n }}{% endif %}{% endfor %}",
        "(1(2))",
    );
    check_error("{% for x in 5 %}{% endfor %}", "'int' object is not iterable");
    check_error("{% for a, b in [[1]] %}{% endfor %}", "not enough values to unpack (expected 2, got 1)");
}

#[test]
fn filters_work_on_mutable_results() {
    check("{{ [1, 2, 3] | select('gt', 1) | list }} {{ ['a', 'B'] | map('upper') | join('-') }}", "[2, 3] A-B");
    check("{{ [{'n': 2}, {'n': 1}] | sort(attribute='n') | map(attribute='n') | list }}", "[1, 2]");
    check("{{ [{'t': 'x', 'v': 1}] | selectattr('t', 'equalto', 'x') | list | length }}", "1");
    check("{{ ['b', 'a', 'B'] | unique | list }} {{ ['b', 'A'] | sort }}", "['b', 'a'] ['A', 'b']");
    check(
        "{{ 'a b' | title }} {{ ' x ' | trim }} {{ 'abc' | replace('b', 'x') }} {{ 'x' | default('y') }}",
        "A B x axc x",
    );
    check(
        "{{ missing | default('d') }} {{ '' | default('d', true) }} {{ '3' | int + 1 }} {{ 'x' | int(7) }}",
        "d d 4 7",
    );
    check(
        "{{ [1, 2, 3, 4, 5] | batch(2) | list }} {{ {'b': 1, 'a': 2} | dictsort }}",
        "[[1, 2], [3, 4], [5]] [('a', 2), ('b', 1)]",
    );
    check("{{ 2.5 | round }} {{ 2.675 | round(2) }} {{ 2.1 | round(0, 'ceil') }} {{ [1, 2] | sum }}", "2.0 2.67 3.0 3");
    check(
        "{% for g, items in [{'k': 1, 'v': 'a'}, {'k': 1, 'v': 'b'}] | groupby('k') %}{{ g }}:{{ items | length }}{% endfor %}",
        "1:2",
    );
    check("{% filter upper %}a{{ 'b' }}{% endfilter %}", "AB");
    check("{{ 'a\nb' | indent(2) }}", "a\n  b");
    check("{{ '%s %s' | format('a', 1) }} {{ [1, 2] | first }} {{ {'a': 1} | tojson }}", "a 1 1 {\"a\": 1}");
    check_error("{{ 'a' | uper }}", "No filter named 'uper'");
}

#[test]
fn tests_tell_types_apart() {
    check(
        "{{ none is none }} {{ x is defined }} {{ 'a' is string }} {{ [] is sequence }} {{ {} is mapping }}",
        "True False True True True",
    );
    check(
        "{{ 3 is odd }} {{ 4 is divisibleby(2) }} {{ 1 is number }} {{ 1 in [1] }} {{ 'a' is in ['a'] }}",
        "True True True True True",
    );
    check(
        "{{ 'a' is not none }} {{ true is boolean }} {{ 1 is sameas 1 }} {{ [] is iterable }}",
        "True True True True",
    );
    check_error("{{ 1 is foo }}", "No test named 'foo'");
}

#[test]
fn strings_have_pythons_methods() {
    check(
        "{{ 'A,b'.lower().split(',') }} {{ ' x '.strip() }} {{ 'ab'.startswith('a') }} {{ '-'.join(['a', 'b']) }}",
        "['a', 'b'] x True a-b",
    );
    check("{{ '{} {name:>4}|{0:.2f}'.format(1, name='x') }}", "1    x|1.00");
    check(
        "{{ 'abc'.find('c') }} {{ 'aXb'.swapcase() }} {{ 'a'.zfill(3) }} {{ 'a b c'.split(' ', 1) }}",
        "2 AxB 00a ['a', 'b c']",
    );
    check(
        "{{ 'abc'.replace('b', '').upper().title() }} {{ '12'.isdigit() }} {{ 'a_b'.partition('_') }}",
        "Ac True ('a', '_', 'b')",
    );
    check_error("{{ 'a'.nope() }}", "'str object' has no attribute 'nope'");
    check_error("{{ 'a'.replace('b') }}", "missing required argument: 'new'");
}

#[test]
fn undefined_names_are_empty_until_they_are_used() {
    check("[{{ nope }}][{{ nope is defined }}][{{ 'x' if nope else 'y' }}][{{ nope | length }}]", "[][False][y][0]");
    check_error("{{ nope.attribute }}", "'nope' is undefined");
    check_error("{{ nope + 1 }}", "'nope' is undefined");
    check_error("{{ {'a': 1}.b.c }}", "'dict object' has no attribute 'b'");
    check_error("{{ none.columns.values() }}", "'None' has no attribute 'columns'");
}

//! What configs must say together: rules about one node's merged config that no type expresses.
//!
//! Source: dbt docs, "Model configurations", "docs", "contract", "freshness".

use super::config::Merged;
use super::draft::Draft;
use dvt_diagnostics::Diagnostic;
use dvt_manifest::ResourceType;
use serde_json::Value;

/// A problem for each rule that the config breaks, at the key.
pub(crate) fn check(draft: &Draft<'_>, merged: &Merged, problems: &mut Vec<Diagnostic>) {
    let mut wrong = |key: &str, message: String, help: &str| {
        let place = merged.spans.get(key).unwrap_or(&draft.span);
        problems.push(
            Diagnostic::error("config", format!("{message} ({} `{}`)", draft.resource_type, draft.name))
                .label(place.clone(), "set here")
                .help(help),
        );
    };
    let text = |key: &str| merged.values.get(key).and_then(Value::as_str);
    let materialized = text("materialized").unwrap_or("view");
    let own = match draft.resource_type {
        ResourceType::Seed => Some(("seed", "seed")),
        ResourceType::Test => Some(("test", "test")),
        _ => None,
    };
    if let (Some((kind, own)), Some(said)) = (own, text("materialized"))
        && said != own
    {
        wrong(
            "materialized",
            format!("A {kind} must have a materialized value of '{own}'"),
            "leave `materialized` away",
        );
    }
    let color = merged.values.get("docs").and_then(|docs| docs.get("node_color")).and_then(Value::as_str);
    if let Some(color) = color.filter(|color| !is_color(color)) {
        wrong(
            "docs",
            format!(
                "Invalid color name for docs.node_color: {color}. It is neither a valid HTML color name nor a valid HEX \
                 code."
            ),
            "write a name like `cadetblue`, or a code like `#5f9ea0`",
        );
    }
    let is_enforced = merged.values.get("contract").and_then(|contract| contract.get("enforced"));
    let on_change = text("on_schema_change").unwrap_or("ignore");
    if draft.resource_type == ResourceType::Model
        && is_enforced == Some(&Value::Bool(true))
        && materialized == "incremental"
        && !matches!(on_change, "append_new_columns" | "fail")
    {
        wrong(
            "on_schema_change",
            format!(
                "Invalid value for on_schema_change: {on_change}. Models materialized as incremental with contracts \
                 enabled must set on_schema_change to 'append_new_columns' or 'fail'"
            ),
            "set it, or switch the contract off",
        );
    }
    if draft.resource_type == ResourceType::Model
        && let Some(Value::Object(after)) = merged.values.get("freshness").and_then(|rule| rule.get("build_after"))
    {
        let is_set = |key: &str| after.get(key).is_some_and(|value| !value.is_null());
        let missing = match (is_set("period"), is_set("count")) {
            (true, false) => Some(("count", "period")),
            (false, true) => Some(("period", "count")),
            _ => None,
        };
        if let Some((missing, said)) = missing {
            wrong(
                "freshness",
                format!("`freshness.build_after` must have a value for `{missing}` if a `{said}` is provided"),
                "say both",
            );
        }
    }
}

fn is_color(text: &str) -> bool {
    let text = text.to_lowercase();
    let is_code = text
        .strip_prefix('#')
        .is_some_and(|digits| matches!(digits.len(), 3 | 6) && digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    is_code || COLORS.split(' ').any(|color| color == text)
}

/// The colour names of CSS.
const COLORS: &str = "aliceblue antiquewhite aqua aquamarine azure beige bisque black blanchedalmond blue blueviolet brown \
    burlywood cadetblue chartreuse chocolate coral cornflowerblue cornsilk crimson cyan darkblue darkcyan darkgoldenrod \
    darkgray darkgreen darkkhaki darkmagenta darkolivegreen darkorange darkorchid darkred darksalmon darkseagreen \
    darkslateblue darkslategray darkturquoise darkviolet deeppink deepskyblue dimgray dodgerblue firebrick floralwhite \
    forestgreen fuchsia gainsboro ghostwhite gold goldenrod gray green greenyellow honeydew hotpink indianred indigo ivory \
    khaki lavender lavenderblush lawngreen lemonchiffon lightblue lightcoral lightcyan lightgoldenrodyellow lightgray \
    lightgreen lightpink lightsalmon lightseagreen lightskyblue lightslategray lightsteelblue lightyellow lime limegreen \
    linen magenta maroon mediumaquamarine mediumblue mediumorchid mediumpurple mediumseagreen mediumslateblue \
    mediumspringgreen mediumturquoise mediumvioletred midnightblue mintcream mistyrose moccasin navajowhite navy oldlace \
    olive olivedrab orange orangered orchid palegoldenrod palegreen paleturquoise palevioletred papayawhip peachpuff peru \
    pink plum powderblue purple rebeccapurple red rosybrown royalblue saddlebrown salmon sandybrown seagreen seashell \
    sienna silver skyblue slateblue slategray snow springgreen steelblue tan teal thistle tomato turquoise violet wheat \
    white whitesmoke yellow yellowgreen";

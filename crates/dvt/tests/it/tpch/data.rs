//! Tables with the columns and the value shapes that TPC-H describes.

use crate::random::Random;

pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [&'static str],
}

pub(super) const TABLES: [Table; 8] = [
    Table { name: "region", columns: &["r_regionkey integer", "r_name varchar(25)", "r_comment varchar(152)"] },
    Table {
        name: "nation",
        columns: &["n_nationkey integer", "n_name varchar(25)", "n_regionkey integer", "n_comment varchar(152)"],
    },
    Table {
        name: "supplier",
        columns: &[
            "s_suppkey integer",
            "s_name varchar(25)",
            "s_address varchar(40)",
            "s_nationkey integer",
            "s_phone varchar(15)",
            "s_acctbal decimal(15,2)",
            "s_comment varchar(101)",
        ],
    },
    Table {
        name: "part",
        columns: &[
            "p_partkey integer",
            "p_name varchar(55)",
            "p_mfgr varchar(25)",
            "p_brand varchar(10)",
            "p_type varchar(25)",
            "p_size integer",
            "p_container varchar(10)",
            "p_retailprice decimal(15,2)",
            "p_comment varchar(23)",
        ],
    },
    Table {
        name: "partsupp",
        columns: &[
            "ps_partkey integer",
            "ps_suppkey integer",
            "ps_availqty integer",
            "ps_supplycost decimal(15,2)",
            "ps_comment varchar(199)",
        ],
    },
    Table {
        name: "customer",
        columns: &[
            "c_custkey integer",
            "c_name varchar(25)",
            "c_address varchar(40)",
            "c_nationkey integer",
            "c_phone varchar(15)",
            "c_acctbal decimal(15,2)",
            "c_mktsegment varchar(10)",
            "c_comment varchar(117)",
        ],
    },
    Table {
        name: "orders",
        columns: &[
            "o_orderkey integer",
            "o_custkey integer",
            "o_orderstatus varchar(1)",
            "o_totalprice decimal(15,2)",
            "o_orderdate date",
            "o_orderpriority varchar(15)",
            "o_clerk varchar(15)",
            "o_shippriority integer",
            "o_comment varchar(79)",
        ],
    },
    Table {
        name: "lineitem",
        columns: &[
            "l_orderkey integer",
            "l_partkey integer",
            "l_suppkey integer",
            "l_linenumber integer",
            "l_quantity decimal(15,2)",
            "l_extendedprice decimal(15,2)",
            "l_discount decimal(15,2)",
            "l_tax decimal(15,2)",
            "l_returnflag varchar(1)",
            "l_linestatus varchar(1)",
            "l_shipdate date",
            "l_commitdate date",
            "l_receiptdate date",
            "l_shipinstruct varchar(25)",
            "l_shipmode varchar(10)",
            "l_comment varchar(44)",
        ],
    },
];

const REGIONS: [&str; 5] = ["AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"];

/// Each nation with its region's position.
const NATIONS: [(&str, usize); 25] = [
    ("ALGERIA", 0),
    ("ARGENTINA", 1),
    ("BRAZIL", 1),
    ("CANADA", 1),
    ("EGYPT", 4),
    ("ETHIOPIA", 0),
    ("FRANCE", 3),
    ("GERMANY", 3),
    ("INDIA", 2),
    ("INDONESIA", 2),
    ("IRAN", 4),
    ("IRAQ", 4),
    ("JAPAN", 2),
    ("JORDAN", 4),
    ("KENYA", 0),
    ("MOROCCO", 0),
    ("MOZAMBIQUE", 0),
    ("PERU", 1),
    ("CHINA", 2),
    ("ROMANIA", 3),
    ("SAUDI ARABIA", 4),
    ("VIETNAM", 2),
    ("RUSSIA", 3),
    ("UNITED KINGDOM", 3),
    ("UNITED STATES", 1),
];

const COLOURS: [&str; 8] = ["green", "forest", "almond", "blush", "navy", "ivory", "plum", "salmon"];
const TYPES: [[&str; 5]; 3] = [
    ["STANDARD", "SMALL", "MEDIUM", "ECONOMY", "PROMO"],
    ["ANODIZED", "BURNISHED", "PLATED", "POLISHED", "BRUSHED"],
    ["TIN", "NICKEL", "BRASS", "STEEL", "COPPER"],
];
const CONTAINERS: [[&str; 5]; 2] = [["SM", "LG", "MED", "JUMBO", "WRAP"], ["CASE", "BOX", "BAG", "PKG", "PACK"]];
const SEGMENTS: [&str; 5] = ["AUTOMOBILE", "BUILDING", "FURNITURE", "MACHINERY", "HOUSEHOLD"];
const PRIORITIES: [&str; 5] = ["1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW"];
const MODES: [&str; 7] = ["REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"];
const INSTRUCTIONS: [&str; 4] = ["DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN"];
const COMMENTS: [&str; 6] = [
    "carefully final deposits",
    "special pending requests",
    "even, it''s ironic",
    "Customer slow Complaints",
    "special requests",
    "quick pinto beans",
];

/// The days from 1992-01-01 on that orders are placed in.
const ORDER_DAYS: usize = 2406;
/// 1995-06-17, after which nothing had been received.
const CURRENT_DAY: usize = 1263;

/// `insert` statements for all tables, each short enough for a command line; `scale` in thousandths.
pub(super) fn insert_statements(scale: usize) -> Vec<String> {
    let mut random = Random::new(19_920_101);
    let mut statements = Vec::new();
    let (suppliers, parts, customers) = ((10 * scale).max(20), 200 * scale, 150 * scale);
    add(&mut statements, "region", (0..5).map(|key| format!("({key}, '{}', 'x')", REGIONS[key])).collect());
    let nations = (0..25).map(|key| format!("({key}, '{}', {}, 'x')", NATIONS[key].0, NATIONS[key].1)).collect();
    add(&mut statements, "nation", nations);
    let rows = (1..=suppliers)
        .map(|key| {
            let nation = random.below(25);
            format!(
                "({key}, 'Supplier#{key:09}', 'address {key}', {nation}, '{}', {}, '{}')",
                phone(&mut random, nation),
                cents(&mut random, 0, 999_999),
                random.pick(&COMMENTS)
            )
        })
        .collect();
    add(&mut statements, "supplier", rows);
    let rows = (1..=parts).map(|key| part(&mut random, key)).collect();
    add(&mut statements, "part", rows);
    let mut rows = Vec::new();
    for part in 1..=parts {
        for turn in 0..4 {
            rows.push(format!(
                "({part}, {}, {}, {}, 'x')",
                supplier_of(part, turn, suppliers),
                random.between(1, 9999),
                cents(&mut random, 100, 100_000)
            ));
        }
    }
    add(&mut statements, "partsupp", rows);
    let rows = (1..=customers)
        .map(|key| {
            let nation = random.below(25);
            format!(
                "({key}, 'Customer#{key:09}', 'address {key}', {nation}, '{}', {}, '{}', '{}')",
                phone(&mut random, nation),
                cents(&mut random, 0, 999_999),
                random.pick(&SEGMENTS),
                random.pick(&COMMENTS)
            )
        })
        .collect();
    add(&mut statements, "customer", rows);
    let (mut orders, mut lines) = (Vec::new(), Vec::new());
    for key in 1..=customers * 10 {
        order(&mut random, key, (suppliers, parts, customers), &mut orders, &mut lines);
    }
    add(&mut statements, "orders", orders);
    add(&mut statements, "lineitem", lines);
    statements
}

/// One of the four suppliers of a part.
fn supplier_of(part: usize, turn: usize, suppliers: usize) -> usize {
    (part + turn * (suppliers / 4 + (part - 1) / suppliers)) % suppliers + 1
}

fn part(random: &mut Random, key: usize) -> String {
    let maker = random.between(1, 5);
    let kind: Vec<&str> = TYPES.iter().map(|words| random.pick(words)).collect();
    let container: Vec<&str> = CONTAINERS.iter().map(|words| random.pick(words)).collect();
    let price = 90_000 + (key / 10) % 20_001 + 100 * (key % 1000);
    format!(
        "({key}, '{} {}', 'Manufacturer#{maker}', 'Brand#{maker}{}', '{}', {}, '{}', {}.{:02}, 'x')",
        random.pick(&COLOURS),
        random.pick(&COLOURS),
        random.between(1, 5),
        kind.join(" "),
        random.between(1, 50),
        container.join(" "),
        price / 100,
        price % 100
    )
}

type Sizes = (usize, usize, usize);

fn order(random: &mut Random, key: usize, sizes: Sizes, orders: &mut Vec<String>, lines: &mut Vec<String>) {
    let (suppliers, parts, customers) = sizes;
    // A third of the customers never orders.
    let customer = loop {
        let customer = random.between(1, customers);
        if !customer.is_multiple_of(3) {
            break customer;
        }
    };
    let placed = random.below(ORDER_DAYS);
    let (mut total, mut open) = (0, 0);
    let count = random.between(1, 7);
    for line in 1..=count {
        let part = random.between(1, parts);
        let supplier = supplier_of(part, random.below(4), suppliers);
        let quantity = random.between(1, 50);
        let price = quantity * (90_000 + (part / 10) % 20_001 + 100 * (part % 1000));
        let shipped = placed + random.between(1, 121);
        let committed = placed + random.between(30, 90);
        let received = shipped + random.between(1, 30);
        let is_open = shipped > CURRENT_DAY;
        open += usize::from(is_open);
        total += price;
        let flag = if received > CURRENT_DAY { "N" } else { random.pick(&["R", "A"]) };
        lines.push(format!(
            "({key}, {part}, {supplier}, {line}, {quantity}, {}.{:02}, 0.{:02}, 0.{:02}, '{flag}', '{}', '{}', '{}', '{}', '{}', '{}', 'x')",
            price / 100,
            price % 100,
            random.below(11),
            random.below(9),
            if is_open { "O" } else { "F" },
            date(shipped),
            date(committed),
            date(received),
            random.pick(&INSTRUCTIONS),
            random.pick(&MODES)
        ));
    }
    let status = match open {
        0 => "F",
        open if open == count => "O",
        _ => "P",
    };
    orders.push(format!(
        "({key}, {customer}, '{status}', {}.{:02}, '{}', '{}', 'Clerk#{:09}', 0, '{}')",
        total / 100,
        total % 100,
        date(placed),
        random.pick(&PRIORITIES),
        random.between(1, 100),
        random.pick(&COMMENTS)
    ));
}

fn phone(random: &mut Random, nation: usize) -> String {
    format!("{}-{}-{}-{}", nation + 10, random.between(100, 999), random.between(100, 999), random.between(1000, 9999))
}

/// An amount between so many cents, sometimes below zero when it may be small.
fn cents(random: &mut Random, least: usize, greatest: usize) -> String {
    let amount = random.between(least, greatest);
    let sign = if least == 0 && random.percent(9) { "-" } else { "" };
    format!("{sign}{}.{:02}", amount / 100, amount % 100)
}

/// So many days after 1992-01-01.
fn date(mut days: usize) -> String {
    let mut year = 1992;
    let length = |year: usize| if year.is_multiple_of(4) { 366 } else { 365 };
    while days >= length(year) {
        days -= length(year);
        year += 1;
    }
    let february = if year.is_multiple_of(4) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", days + 1)
}

/// The rows as statements of less than a hundred kilobytes.
fn add(statements: &mut Vec<String>, table: &str, rows: Vec<String>) {
    let mut statement = String::new();
    for row in rows {
        if statement.len() + row.len() > 90_000 {
            statements.push(std::mem::take(&mut statement));
        }
        if statement.is_empty() {
            statement = format!("insert into {table} values {row}");
        } else {
            statement.push_str(", ");
            statement.push_str(&row);
        }
    }
    if !statement.is_empty() {
        statements.push(statement);
    }
}

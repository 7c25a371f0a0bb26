// shop.rs - Rust as people write it, for test/real/lines.py: generics, closures, collections, traits.
// SPDX-License-Identifier: MIT
use std::collections::{BTreeMap, HashMap};
use std::fmt;

trait Priced {
    fn price(&self) -> u64;
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Item {
    Bread,
    Cake { slices: u64 },
    Named(String),
}

impl Priced for Item {
    fn price(&self) -> u64 {
        match self {
            Item::Bread => 3,
            Item::Cake { slices } => slices.checked_mul(2).unwrap_or(u64::MAX),
            Item::Named(name) => name.bytes().map(u64::from).sum(),
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} for {:>8}", self, self.price())
    }
}

struct Till<K, V> {
    drawers: BTreeMap<K, Vec<V>>,
}

impl<K: Ord + Clone, V: Priced + Clone> Till<K, V> {
    fn sell(&mut self, key: K, value: V) {
        self.drawers.entry(key).or_insert_with(Vec::new).push(value);
    }

    fn sum(&self) -> u64 {
        self.drawers.values().flatten().map(|v| v.price()).fold(0, |a, b| a.wrapping_add(b))
    }
}

fn parse(words: &str) -> Result<Vec<Item>, std::num::ParseIntError> {
    words
        .split(',')
        .map(|word| match word.trim() {
            "bread" => Ok(Item::Bread),
            other if other.starts_with('#') => Ok(Item::Named(other[1..].to_uppercase())),
            number => number.parse().map(|slices| Item::Cake { slices }),
        })
        .collect()
}

fn main() {
    let words = std::env::args().skip(1).collect::<Vec<_>>().join(",") + "bread, 3, #rye, 12";
    let mut till = Till { drawers: BTreeMap::new() };
    let mut seen: HashMap<Item, usize> = HashMap::new();
    match parse(&words) {
        Ok(mut items) => {
            items.sort_by(|a, b| b.price().cmp(&a.price()).then_with(|| a.cmp(b)));
            for (i, item) in items.into_iter().enumerate() {
                *seen.entry(item.clone()).or_default() += i;
                till.sell(i % 3, item);
            }
        }
        Err(error) => eprintln!("{}", error),
    }
    let worker = std::thread::spawn(move || seen.iter().map(|(k, v)| format!("{} {}", k, v)).collect::<Vec<_>>().join(";"));
    println!("{} {}", till.sum(), worker.join().unwrap_or_default());
}

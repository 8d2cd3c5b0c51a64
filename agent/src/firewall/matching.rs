//! Whether a rule's `match` fits a client's packet: yes, no, or not to be told here.

use serde_json::Value;

/// The first packet of a client's connection: TCP over IPv4, from an address that is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// The link that it comes in by.
    pub link: String,
    /// The port that it goes to.
    pub port: u16,
}

/// What a verdict map says to a packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mapped<'a> {
    Verdict(&'a Value),
    Nothing,
    /// That cannot be told here.
    Unknown,
}

/// What is known of one of a packet's properties.
#[derive(Debug, PartialEq, Eq)]
enum Known<'a> {
    Text(&'a str),
    /// A link's name; patterns may end in an asterisk.
    Link(&'a str),
    Number(u64),
    /// A property of packets of another kind: no rule that asks for it fits.
    OfOthers,
    Unknown,
}

impl Packet {
    fn property(&self, left: &Value) -> Known<'_> {
        let key = |of: &str, name: &str| left.get(of)?.get(name)?.as_str();
        if let Some(key) = key("meta", "key") {
            return match key {
                "iif" | "iifname" => Known::Link(&self.link),
                "l4proto" => Known::Text("tcp"),
                "nfproto" => Known::Text("ipv4"),
                "protocol" => Known::Text("ip"),
                _ => Known::Unknown,
            };
        }
        if key("ct", "key") == Some("state") {
            return Known::Text("new");
        }
        match (key("payload", "protocol"), key("payload", "field")) {
            (Some("tcp" | "th"), Some("dport")) => Known::Number(u64::from(self.port)),
            (Some("ip"), Some("protocol")) => Known::Text("tcp"),
            (Some("udp" | "udplite" | "icmp" | "icmpv6" | "sctp" | "dccp" | "ip6"), _) => {
                Known::OfOthers
            }
            _ => Known::Unknown,
        }
    }

    /// Whether the packet fits a `match`. `None`: that cannot be told.
    pub(super) fn fits(&self, condition: &Value) -> Option<bool> {
        let (left, right) = (condition.get("left")?, condition.get("right")?);
        let property = self.property(left);
        if property == Known::OfOthers {
            return Some(false);
        }
        match condition.get("op")?.as_str()? {
            "==" | "in" => property.is(right),
            "!=" => property.is(right).map(|is| !is),
            _ => None,
        }
    }

    /// What a verdict map says to the packet.
    pub(super) fn mapped<'a>(&self, map: &'a Value) -> Mapped<'a> {
        let property = map.get("key").map_or(Known::Unknown, |key| self.property(key));
        if property == Known::OfOthers {
            return Mapped::Nothing;
        }
        let pairs = map.get("data").and_then(|data| data.get("set")).and_then(Value::as_array);
        let Some(pairs) = pairs else { return Mapped::Unknown };
        for pair in pairs {
            let Some([value, verdict]) = pair.as_array().map(Vec::as_slice) else {
                return Mapped::Unknown;
            };
            match property.is(value) {
                Some(true) => return Mapped::Verdict(verdict),
                Some(false) => {}
                None => return Mapped::Unknown,
            }
        }
        Mapped::Nothing
    }
}

impl Known<'_> {
    /// Whether it is `right`, or among what stands there. `None`: that cannot be told.
    fn is(&self, right: &Value) -> Option<bool> {
        if let Some(members) = right.get("set").or(Some(right)).and_then(Value::as_array) {
            let mut told = true;
            for member in members {
                match self.is(member) {
                    Some(true) => return Some(true),
                    Some(false) => {}
                    None => told = false,
                }
            }
            return told.then_some(false);
        }
        if let Some(element) = right.get("elem").and_then(|element| element.get("val")) {
            return self.is(element);
        }
        match self {
            Self::Number(number) => match right.get("range").and_then(Value::as_array) {
                Some(ends) => {
                    let (first, last) = (ends.first()?.as_u64()?, ends.get(1)?.as_u64()?);
                    Some((first..=last).contains(number))
                }
                None => right.as_u64().map(|right| right == *number),
            },
            // A name that begins with `@` is that of a set.
            Self::Text(text) => plain(right).map(|right| right == *text),
            Self::Link(link) => plain(right).map(|right| match right.strip_suffix('*') {
                Some(beginning) => link.starts_with(beginning),
                None => right == *link,
            }),
            Self::OfOthers => Some(false),
            Self::Unknown => None,
        }
    }
}

fn plain(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.starts_with('@'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn packet() -> Packet {
        Packet { link: "enp1s0".into(), port: 11434 }
    }

    #[test]
    fn what_is_known_of_a_client_s_packet_decides() {
        let port = json!({"payload": {"protocol": "tcp", "field": "dport"}});
        let link = json!({"meta": {"key": "iifname"}});
        let state = json!({"ct": {"key": "state"}});
        for (op, left, right, expected) in [
            ("==", &port, json!(11434), Some(true)),
            ("!=", &port, json!(11434), Some(false)),
            ("==", &port, json!({"set": [22, {"range": [11000, 12000]}]}), Some(true)),
            ("==", &port, json!({"set": [22, {"elem": {"val": 11434}}]}), Some(true)),
            ("==", &port, json!({"set": [22, {"range": [80, 90]}]}), Some(false)),
            ("==", &port, json!("@ports"), None),
            (">", &port, json!(1024), None),
            ("==", &link, json!("enp*"), Some(true)),
            ("!=", &link, json!("lo"), Some(true)),
            ("==", &link, json!({"set": ["ens9", "enp1s0"]}), Some(true)),
            ("==", &link, json!(2), None),
            ("in", &state, json!(["established", "related"]), Some(false)),
            ("in", &state, json!("new"), Some(true)),
        ] {
            let condition = json!({"op": op, "left": left, "right": right});
            assert_eq!(packet().fits(&condition), expected, "{condition}");
        }
    }

    #[test]
    fn other_protocols_do_not_fit_and_addresses_are_not_known() {
        let with = |protocol: &str, field: &str, op: &str| {
            let left = json!({"payload": {"protocol": protocol, "field": field}});
            packet().fits(&json!({"op": op, "left": left, "right": "x"}))
        };
        assert_eq!(with("udp", "dport", "!="), Some(false));
        assert_eq!(with("ip6", "saddr", "=="), Some(false));
        assert_eq!(with("ip", "saddr", "=="), None);
        assert_eq!(with("tcp", "flags", "=="), None);
        assert_eq!(packet().fits(&json!({"op": "=="})), None);
    }

    #[test]
    fn a_verdict_map_is_looked_up() {
        let key = json!({"payload": {"protocol": "tcp", "field": "dport"}});
        let set = json!([[22, {"accept": null}], [11434, {"drop": null}]]);
        let map = json!({"key": key, "data": {"set": set}});
        assert_eq!(packet().mapped(&map), Mapped::Verdict(&json!({"drop": null})));
        let other = Packet { port: 80, ..packet() };
        assert_eq!(other.mapped(&map), Mapped::Nothing);
        assert_eq!(packet().mapped(&json!({"key": key, "data": "@map"})), Mapped::Unknown);
        let key = json!({"payload": {"protocol": "ip", "field": "saddr"}});
        assert_eq!(packet().mapped(&json!({"key": key, "data": {"set": set}})), Mapped::Unknown);
    }
}

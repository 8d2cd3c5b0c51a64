//! Rulesets as people write them, and what becomes of a client.

use serde_json::json;

use super::*;

fn packet(link: &str) -> Packet {
    Packet { link: link.into(), port: 11434 }
}

/// A table `inet t` whose chain `input` has that policy and those rules, beside other chains.
fn ruleset(policy: &str, chains: &[(&str, &[Value])]) -> Ruleset {
    let mut items = vec![json!({"metainfo": {"version": "1.1.3"}})];
    for (name, _) in chains {
        let mut chain = json!({"family": "inet", "table": "t", "name": name, "handle": 1});
        if *name == "input" {
            chain["hook"] = json!("input");
            chain["type"] = json!("filter");
            chain["policy"] = json!(policy);
        }
        items.push(json!({"chain": chain}));
    }
    for (name, rules) in chains {
        for (handle, expr) in (10..).zip(*rules) {
            let rule = json!({"family": "inet", "table": "t", "chain": name,
                "handle": handle, "expr": expr});
            items.push(json!({"rule": rule}));
        }
    }
    serde_json::from_value(json!({"nftables": items})).unwrap()
}

fn fits(left: &Value, right: &Value) -> Value {
    json!({"match": {"op": "==", "left": left, "right": right}})
}

fn port(number: u16) -> Value {
    fits(&json!({"payload": {"protocol": "tcp", "field": "dport"}}), &json!(number))
}

fn link(name: &str) -> Value {
    fits(&json!({"meta": {"key": "iifname"}}), &json!(name))
}

fn source(address: &str) -> Value {
    fits(&json!({"payload": {"protocol": "ip", "field": "saddr"}}), &json!(address))
}

fn accept() -> Value {
    json!({"accept": null})
}

fn drops() -> Value {
    json!({"drop": null})
}

fn fate(policy: &str, chains: &[(&str, &[Value])]) -> Fate {
    follow(&ruleset(policy, chains), &packet("enp1s0"))
}

fn dropped(by: &str) -> Fate {
    Fate::Dropped(by.into())
}

#[test]
fn without_rules_everything_passes() {
    assert_eq!(fate("accept", &[]), Fate::Passes);
    assert_eq!(fate("accept", &[("input", &[])]), Fate::Passes);
}

#[test]
fn a_rule_for_the_port_on_the_link_drops_clients_and_not_the_agent() {
    let rule = json!([link("enp1s0"), port(11434), {"counter": {"packets": 0}}, drops()]);
    let rules = ruleset("accept", &[("input", &[rule])]);
    assert_eq!(follow(&rules, &packet("enp1s0")), dropped("rule 10 of inet t input"));
    assert_eq!(follow(&rules, &packet("lo")), Fate::Passes);
}

#[test]
fn a_policy_drops_what_no_rule_accepts() {
    let lo = json!([link("lo"), accept()]);
    let ssh = json!([port(22), accept()]);
    let ours = json!([port(11434), accept()]);
    let closed = fate("drop", &[("input", &[lo.clone(), ssh.clone()])]);
    assert_eq!(closed, dropped("the policy of inet t input"));
    assert_eq!(fate("drop", &[("input", &[lo, ssh, ours])]), Fate::Passes);
}

#[test]
fn what_hangs_on_the_client_s_address_is_not_judged() {
    let friends = json!([source("10.0.0.0/8"), accept()]);
    let all = json!([port(11434), drops()]);
    let doubt = Fate::Unjudged("rule 10 of inet t input".into());
    assert_eq!(fate("accept", &[("input", &[friends.clone(), all.clone()])]), doubt);
    assert_eq!(fate("drop", &[("input", std::slice::from_ref(&friends))]), doubt);
    let foes = json!([source("192.0.2.1"), drops()]);
    assert_eq!(fate("accept", &[("input", std::slice::from_ref(&foes))]), doubt);
    // Whatever the first rule does, the second lets nobody pass.
    assert_eq!(fate("accept", &[("input", &[all, friends])]), dropped("rule 10 of inet t input"));
}

#[test]
fn jumps_are_followed_and_returns_come_back() {
    let jump = json!([{"jump": {"target": "other"}}]);
    let last = json!([port(11434), {"reject": {"type": "tcp reset"}}]);
    let back = json!([{"return": null}]);
    let chains: &[(&str, &[Value])] =
        &[("other", &[back, json!([drops()])]), ("input", &[jump.clone(), last])];
    assert_eq!(fate("accept", chains), dropped("rule 11 of inet t input"));
    let chains: &[(&str, &[Value])] =
        &[("other", &[json!([drops()])]), ("input", std::slice::from_ref(&jump))];
    assert_eq!(fate("accept", chains), dropped("rule 10 of inet t other"));
    let chains: &[(&str, &[Value])] = &[("input", &[jump])];
    assert!(matches!(fate("accept", chains), Fate::Unjudged(_)));
}

#[test]
fn a_chain_that_jumps_to_itself_ends() {
    let jump = json!([{"jump": {"target": "input"}}]);
    assert!(matches!(fate("accept", &[("input", &[jump])]), Fate::Unjudged(_)));
}

#[test]
fn what_sends_packets_elsewhere_or_fits_at_times_is_not_judged() {
    for statement in [json!({"redirect": {"port": 80}}), json!({"tproxy": {}}), json!({"new": 1})] {
        let rules: &[Value] = &[json!([port(11434), statement]), json!([drops()])];
        assert!(matches!(fate("accept", &[("input", rules)]), Fate::Unjudged(_)));
    }
    let limited = json!([{"limit": {"rate": 5}}, accept()]);
    let rules: &[Value] = &[limited, json!([drops()])];
    assert!(matches!(fate("accept", &[("input", rules)]), Fate::Unjudged(_)));
    let other = json!([port(80), {"redirect": {"port": 11434}}]);
    assert_eq!(fate("accept", &[("input", &[other])]), Fate::Passes);
}

#[test]
fn a_packet_that_is_not_tracked_or_meets_a_target_of_iptables_is_not_judged() {
    let target = json!({"xt": {"type": "target", "name": "TPROXY"}});
    for statement in [json!({"notrack": null}), target, json!({"xt": null})] {
        let rules: &[Value] = &[json!([statement]), json!([port(11434), drops()])];
        assert!(matches!(fate("accept", &[("input", rules)]), Fate::Unjudged(_)), "{statement}");
    }
    let matching = json!([{"xt": {"type": "match", "name": "comment"}}, {"counter": null}]);
    let rules: &[Value] = &[matching, json!([port(11434), drops()])];
    assert_eq!(fate("accept", &[("input", rules)]), dropped("rule 11 of inet t input"));
}

#[test]
fn a_dormant_table_is_not_in_force() {
    let with = |flags: Value| {
        let mut table = json!({"family": "inet", "name": "t", "handle": 1});
        if !flags.is_null() {
            table["flags"] = flags;
        }
        let chain = json!({"family": "inet", "table": "t", "name": "c", "hook": "input",
            "type": "filter", "policy": "drop"});
        let items = json!({"nftables": [{"table": table}, {"chain": chain}]});
        follow(&serde_json::from_value(items).unwrap(), &packet("enp1s0"))
    };
    assert_eq!(with(json!("dormant")), Fate::Passes);
    assert_eq!(with(json!(["owner", "dormant"])), Fate::Passes);
    assert_eq!(with(json!(["owner"])), dropped("the policy of inet t c"));
    assert_eq!(with(Value::Null), dropped("the policy of inet t c"));
}

#[test]
fn chains_of_other_families_hooks_and_links_do_not_count() {
    let chain = |family: &str, hook: &str, dev: Option<&str>| {
        let mut chain = json!({"family": family, "table": "t", "name": "c", "hook": hook,
            "type": "filter", "policy": "drop"});
        if let Some(dev) = dev {
            chain["dev"] = json!(dev);
        }
        let rules = serde_json::from_value(json!({"nftables": [{"chain": chain}]})).unwrap();
        follow(&rules, &packet("enp1s0"))
    };
    assert_eq!(chain("ip6", "input", None), Fate::Passes);
    assert_eq!(chain("inet", "forward", None), Fate::Passes);
    assert_eq!(chain("netdev", "ingress", Some("ens9")), Fate::Passes);
    assert_eq!(chain("netdev", "ingress", Some("enp1s0")), dropped("the policy of netdev t c"));
    assert_eq!(chain("ip", "prerouting", None), dropped("the policy of ip t c"));
}

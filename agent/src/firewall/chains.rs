//! Follows a client's packet through the chains. Only what is certain counts as a drop: a rule
//! that may let it pass before makes every later drop in that chain a matter of doubt, and one
//! that may send it elsewhere every drop at all.

use serde_json::Value;

use super::Fate;
use super::matching::{Mapped, Packet};
use super::ruleset::{Chain, Rule, Ruleset};

/// Deeper than the kernel lets chains be nested (`NFT_JUMP_STACK_SIZE`, 16).
const DEEPEST: usize = 20;

/// The hooks that a packet for this guest passes, and what their chains may do with it.
const HOOKS: [&str; 3] = ["ingress", "prerouting", "input"];

/// What becomes of the packet.
pub(super) fn follow(rules: &Ruleset, packet: &Packet) -> Fate {
    let (mut dropped, mut doubt, mut elsewhere) = (None, None, false);
    let on_the_way = |chain: &&Chain| is_on_the_way(chain, packet) && rules.is_in_force(chain);
    for chain in rules.chains().filter(on_the_way) {
        let mut walk = Walk { rules, packet, doubt: None, elsewhere: false };
        let by = match walk.through(chain, DEEPEST) {
            End::Dropped(by) => Some(by),
            End::Through if chain.policy.as_deref() == Some("drop") => {
                Some(format!("the policy of {}", name(chain)))
            }
            End::Accepted | End::Through => None,
        };
        elsewhere |= walk.elsewhere;
        match walk.doubt {
            None => dropped = dropped.or(by),
            first => doubt = doubt.or(first),
        }
    }
    match (dropped, doubt) {
        (Some(by), _) if !elsewhere => Fate::Dropped(by),
        (_, Some(doubt)) => Fate::Unjudged(doubt),
        (_, None) => Fate::Passes,
    }
}

fn is_on_the_way(chain: &Chain, packet: &Packet) -> bool {
    let at_hook = chain.hook.as_deref().is_some_and(|hook| HOOKS.contains(&hook));
    let here = match chain.dev.as_ref() {
        None => true,
        Some(Value::String(dev)) => *dev == packet.link,
        Some(Value::Array(devs)) => devs.iter().any(|dev| dev == packet.link.as_str()),
        Some(_) => false,
    };
    at_hook && here && matches!(chain.family.as_str(), "inet" | "ip" | "netdev")
}

fn name(chain: &Chain) -> String {
    format!("{} {} {}", chain.family, chain.table, chain.name)
}

/// How the packet leaves a chain.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Accepted,
    Dropped(String),
    /// By its end, or a `return`.
    Through,
}

/// What one statement does with the packet.
enum Deed {
    End(End),
    /// The rule does not fit: the next one's turn.
    NextRule,
    NextStatement,
}

struct Walk<'a> {
    rules: &'a Ruleset,
    packet: &'a Packet,
    /// The first rule that may or may not have ended the packet's way.
    doubt: Option<String>,
    /// Whether one may have given the packet another address or port.
    elsewhere: bool,
}

impl Walk<'_> {
    fn through(&mut self, chain: &Chain, depth: usize) -> End {
        for rule in self.rules.rules(chain) {
            let mut certain = true;
            for statement in &rule.expr {
                match self.take(statement, rule, chain, &mut certain, depth) {
                    Deed::End(end) => return end,
                    Deed::NextRule => break,
                    Deed::NextStatement => {}
                }
            }
        }
        End::Through
    }

    fn take(
        &mut self,
        statement: &Value,
        rule: &Rule,
        chain: &Chain,
        certain: &mut bool,
        depth: usize,
    ) -> Deed {
        let Some((kind, inner)) = statement.as_object().and_then(|object| object.iter().next())
        else {
            *certain = false;
            return Deed::NextStatement;
        };
        match kind.as_str() {
            "match" => match self.packet.fits(inner) {
                Some(true) => Deed::NextStatement,
                Some(false) => Deed::NextRule,
                None => {
                    *certain = false;
                    Deed::NextStatement
                }
            },
            "counter" | "log" => Deed::NextStatement,
            // A mark on the packet, and not the packet itself.
            "mangle" if inner.get("key").is_some_and(|key| key.get("payload").is_none()) => {
                Deed::NextStatement
            }
            "vmap" => match self.packet.mapped(inner) {
                Mapped::Verdict(verdict) => self.take(verdict, rule, chain, certain, depth),
                Mapped::Nothing => Deed::NextStatement,
                Mapped::Unknown => self.may_end(rule),
            },
            "accept" => self.end(End::Accepted, rule, *certain),
            "drop" | "reject" => {
                let by = format!("rule {} of {}", rule.handle, name(chain));
                self.end(End::Dropped(by), rule, *certain)
            }
            "return" => self.end(End::Through, rule, *certain),
            "jump" | "goto" => {
                let target = inner.get("target").and_then(Value::as_str);
                let target = target.and_then(|target| self.rules.beside(chain, target));
                let (Some(target), Some(depth)) = (target, depth.checked_sub(1)) else {
                    return self.may_end(rule);
                };
                match self.through(target, depth) {
                    End::Through if kind == "jump" => Deed::NextStatement,
                    end => self.end(end, rule, *certain),
                }
            }
            // Limits, quotas, and the matches of iptables: they fit at times. Its targets may do
            // anything.
            "limit" | "quota" | "ct count" | "fib" => {
                *certain = false;
                Deed::NextStatement
            }
            "xt" if inner.get("type").is_some_and(|of| of == "match") => {
                *certain = false;
                Deed::NextStatement
            }
            // Sends it elsewhere, or does what is not known here.
            _ => {
                self.elsewhere = true;
                self.may_end(rule)
            }
        }
    }

    fn end(&mut self, end: End, rule: &Rule, certain: bool) -> Deed {
        if certain { Deed::End(end) } else { self.may_end(rule) }
    }

    fn may_end(&mut self, rule: &Rule) -> Deed {
        let which = || {
            let Rule { family, table, chain, handle, .. } = rule;
            format!("rule {handle} of {family} {table} {chain}")
        };
        self.doubt.get_or_insert_with(which);
        Deed::NextRule
    }
}

#[cfg(test)]
mod tests;

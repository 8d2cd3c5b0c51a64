//! The kernel's socket diagnosis (`sock_diag(7)`) as bytes: what is asked, and what comes back.

/// `AF_INET`.
pub(super) const IPV4: u8 = 2;
/// `AF_INET6`.
pub(super) const IPV6: u8 = 10;

/// `struct nlmsghdr`.
const HEADER: usize = 16;
/// `struct inet_diag_msg`, which attributes follow.
const MESSAGE: usize = 72;
/// `SOCK_DIAG_BY_FAMILY`.
const BY_FAMILY: u16 = 20;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
const DUMP: u16 = 0x301;
/// `NLMSG_DONE`, after the last socket.
const DONE: u16 = 3;
/// `IPPROTO_TCP`.
const TCP: u8 = 6;
/// `TCP_LISTEN`, as a bit in a set of states.
pub(super) const LISTENING: u32 = 1 << 10;
/// `TCP_ESTABLISHED` and `TCP_CLOSE_WAIT`: a server has them open.
pub(super) const OPEN: u32 = 1 << 1 | 1 << 8;
/// `INET_DIAG_SKV6ONLY`.
const V6_ONLY: u16 = 11;
/// `INET_DIAG_CGROUP_ID`, since Linux 5.9.
const GROUP: u16 = 21;

/// A socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Socket {
    /// Its port on this side.
    pub(super) port: u16,
    /// Whether it keeps others from that port on all IPv4 addresses.
    pub(super) takes_ipv4: bool,
    /// The user that made it.
    pub(super) user: u32,
    /// The control group that it was made in.
    pub(super) group: Option<u64>,
    /// Its inode, by which a process has it open. A connection has none, 0, until it is accepted.
    pub(super) inode: u32,
}

/// Asks for all TCP sockets of a family in one of those states: `struct nlmsghdr`, then `struct
/// inet_diag_req_v2`.
pub(super) fn question(family: u8, states: u32) -> Vec<u8> {
    const LENGTH: u32 = 16 + 56;
    let mut bytes = Vec::with_capacity(LENGTH as usize);
    bytes.extend(LENGTH.to_ne_bytes());
    bytes.extend(BY_FAMILY.to_ne_bytes());
    bytes.extend(DUMP.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([family, TCP, 0, 0]);
    bytes.extend(states.to_ne_bytes());
    // No single socket is asked for.
    bytes.resize(LENGTH as usize, 0);
    bytes
}

/// Adds the sockets of one part of the answer; says whether it was the last part. `None`: it is
/// an error, or makes no sense.
pub(super) fn answer(mut part: &[u8], found: &mut Vec<Socket>) -> Option<bool> {
    while !part.is_empty() {
        let length = usize::try_from(u32_at(part, 0)?).ok()?;
        let message = part.get(HEADER..length)?;
        match u16_at(part, 4)? {
            DONE => return Some(true),
            BY_FAMILY => found.push(read(message)?),
            _ => return None,
        }
        part = part.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(false)
}

fn read(message: &[u8]) -> Option<Socket> {
    let family = *message.first()?;
    // The address it is bound to: 16 bytes, of which IPv4 uses four.
    let any = message.get(8..24)?.iter().all(|byte| *byte == 0);
    let mut v6_only = false;
    let mut group = None;
    let mut rest = message.get(MESSAGE..)?;
    while rest.len() >= 4 {
        let length = usize::from(u16_at(rest, 0)?);
        let value = rest.get(4..length)?;
        match u16_at(rest, 2)? {
            V6_ONLY => v6_only = value.first().is_some_and(|byte| *byte != 0),
            GROUP => group = Some(u64::from_ne_bytes(value.try_into().ok()?)),
            _ => {}
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(Socket {
        port: u16::from_be_bytes(message.get(4..6)?.try_into().ok()?),
        takes_ipv4: family == IPV4 || (any && !v6_only),
        user: u32_at(message, 64)?,
        group,
        inode: u32_at(message, 68)?,
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A socket as the kernel describes it.
    fn message(family: u8, address: [u8; 16], attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = vec![family, 10, 0, 0];
        body.extend(11434_u16.to_be_bytes());
        body.extend([0, 0]);
        body.extend(address);
        body.resize(64, 0);
        body.extend(998_u32.to_ne_bytes());
        body.resize(MESSAGE, 0);
        for (kind, value) in attributes {
            body.extend(u16::try_from(4 + value.len()).unwrap().to_ne_bytes());
            body.extend(kind.to_ne_bytes());
            body.extend(*value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        let mut bytes = u32::try_from(HEADER + body.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend(BY_FAMILY.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend(body);
        bytes
    }

    #[test]
    fn sockets_are_read_with_their_groups() {
        let group = 4711_u64.to_ne_bytes();
        let mut part = message(IPV4, [0; 16], &[(8, &[0]), (GROUP, &group)]);
        part.extend(message(IPV6, [0; 16], &[(V6_ONLY, &[1])]));
        part.extend(message(IPV6, [0; 16], &[(V6_ONLY, &[0])]));
        let mut found = Vec::new();
        assert_eq!(answer(&part, &mut found), Some(false));
        let socket =
            Socket { port: 11434, takes_ipv4: true, user: 998, group: Some(4711), inode: 0 };
        assert_eq!(found[0], socket);
        assert_eq!(found.iter().map(|s| s.takes_ipv4).collect::<Vec<_>>(), [true, false, true]);
        assert_eq!(found[1].group, None);
    }

    #[test]
    fn an_answer_cut_anywhere_is_refused() {
        let whole = message(IPV4, [0; 16], &[(GROUP, &[7; 8])]);
        for length in 1..whole.len() {
            assert_eq!(answer(&whole[..length], &mut Vec::new()), None, "{length}");
        }
    }
}

//! The oldest C library that a program runs with, for the agent's tests and for the lab's builds.

/// The minor version of Ubuntu 22.04's glibc 2, the oldest that a guest of ours may have.
pub(crate) const OLDEST: u32 = 35;

/// The newest minor version that any of a program's symbols asks for; `None` where it is not
/// linked to glibc. The names of the versions stand in a program as they are.
pub(crate) fn newest(program: &[u8]) -> Option<u32> {
    let prefix = b"GLIBC_2.";
    let names = program.windows(prefix.len()).enumerate().filter(|(_, bytes)| bytes == prefix);
    let minor = |at: usize| {
        let digits: String = program[at + prefix.len()..]
            .iter()
            .map(|byte| char::from(*byte))
            .take_while(char::is_ascii_digit)
            .collect();
        digits.parse().ok()
    };
    names.filter_map(|(at, _)| minor(at)).max()
}

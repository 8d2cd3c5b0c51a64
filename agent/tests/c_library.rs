//! The oldest C library that the program runs with.

/// The minor version of Ubuntu 22.04's, the oldest that a guest of ours may have.
const OLDEST: u32 = 35;

/// The names of the versions that the program's symbols ask for stand in it as they are.
fn asked(program: &[u8]) -> Vec<u32> {
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
    names.filter_map(|(at, _)| minor(at)).collect()
}

#[test]
fn the_program_asks_for_no_newer_glibc_than_the_oldest_guest_has() {
    let program = std::fs::read(env!("CARGO_BIN_EXE_saigak-agent")).unwrap();
    let newest = asked(&program).into_iter().max().expect("the program is linked to glibc");
    assert!(newest <= OLDEST, "GLIBC_2.{newest} is asked for");
}

#[test]
fn versions_are_found() {
    assert_eq!(asked(b"\0GLIBC_2.4\0GLIBC_2.38\0GLIBC_PRIVATE\0"), [4, 38]);
}

//! The oldest C library that the program runs with.

#[path = "../../build/c_library.rs"]
mod c_library;

use c_library::{OLDEST, newest};

#[test]
fn the_program_asks_for_no_newer_glibc_than_the_oldest_guest_has() {
    let program = std::fs::read(env!("CARGO_BIN_EXE_saigak-agent")).unwrap();
    let newest = newest(&program).expect("the program is linked to glibc");
    assert!(newest <= OLDEST, "GLIBC_2.{newest} is asked for");
}

#[test]
fn the_newest_version_is_found() {
    assert_eq!(newest(b"\0GLIBC_2.4\0GLIBC_2.38\0GLIBC_PRIVATE\0GLIBC_2.17\0"), Some(38));
    assert_eq!(newest(b"\0GLIBC_PRIVATE\0"), None);
}

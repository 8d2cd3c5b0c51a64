//! What goes wrong on a data disk while the server serves on: each is named, nothing is made
//! worse, and what would write waits.

use std::time::Duration;

use anyhow::Result;

use super::matter::Matter;
use super::model::BOTH_DELETED;
use super::stage::{FIRST_READY, Stage};
use super::{Needs, Playing, Scenario};
use crate::guest::options::Options;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "disk-matters",
    story: "The data disk is full, read-only, out of inodes and worse: a loaded model embeds on",
    needs: Needs::AnyServer,
    shows: &[
        "DataDiskWritable/LowSpace",
        "DataDiskWritable/LowInodes",
        "DataDiskWritable/ReadOnly",
        "DataDiskWritable/Immutable",
        "DataDiskWritable/Linked",
        "DataDiskWritable/UserMissing",
        "DataDiskWritable/WriteFailed",
        "DataDiskWritable/ProbeFailed",
    ],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// So many files as the models need, and room for a few thousand.
const INODES: u32 = 4096;

/// A matter of the disk that a loaded model does not mind.
const GENTLE: Matter = Matter {
    what: "",
    breaks: "",
    condition: "DataDiskWritable",
    reasons: &[],
    says: "",
    ready: true,
    remedies: &[&[]],
    cure: "",
    after: &[&[]],
    // One look while all is well; twice that for what only a write shows.
    seen_within: Duration::from_secs(50),
    healed_within: Duration::from_secs(30),
};

/// All but 8 MiB, which is too little for an alias as well.
pub(super) const FULL: Matter = Matter {
    what: "data disk full",
    breaks: "cd /var/lib/ollama && free=$(($(stat --file-system --format='%a * %S' .))) && \
        runuser --user ollama -- fallocate --length $((free - 8388608)) ballast",
    reasons: &["LowSpace"],
    says: "7 MiB free",
    cure: "rm /var/lib/ollama/ballast",
    ..GENTLE
};

/// A pull and an alias would be written in place, over what is good, and end empty. The disk is
/// full already.
const NEEDED: Matter = Matter {
    what: "data disk full, then model and alias gone",
    breaks: BOTH_DELETED.breaks,
    condition: "AliasPresent",
    reasons: &["Missing"],
    says: "model/Pull is held back: the data disk has no room",
    ready: false,
    after: &[&["model/Pull", "model/CreateAlias"]],
    healed_within: Duration::from_mins(5),
    ..FULL
};

const NO_INODES: Matter = Matter {
    what: "data disk out of inodes",
    breaks: "runuser --user ollama -- sh -c 'mkdir /var/lib/ollama/small && \
        cd /var/lib/ollama/small && seq 5000 | xargs touch 2>/dev/null; \
        ! touch one-more 2>/dev/null'",
    reasons: &["LowInodes"],
    says: " 0 of ",
    cure: "rm --recursive /var/lib/ollama/small",
    ..GENTLE
};

const READ_ONLY: Matter = Matter {
    what: "data disk read-only",
    breaks: "mount -o remount,ro /var/lib/ollama",
    reasons: &["ReadOnly"],
    says: "/var/lib/ollama is read-only",
    cure: "mount -o remount,rw /var/lib/ollama",
    ..GENTLE
};

/// The other file of root's is mended, and this one is named. Both are made where the agent does
/// not look, and come at once.
const IMMUTABLE: Matter = Matter {
    what: "immutable file of root's on the data disk, and another",
    breaks: "mkdir --parents /var/lib/ollama/lost+found/spare && \
        cd /var/lib/ollama/lost+found/spare && touch kept other && chattr +i kept && \
        mv /var/lib/ollama/lost+found/spare /var/lib/ollama",
    reasons: &["Immutable"],
    says: "first spare/kept",
    remedies: &[&["storage/FixOwner"]],
    cure: "chattr -i /var/lib/ollama/spare/kept",
    after: &[&["storage/FixOwner"]],
    ..GENTLE
};

const LINKED: Matter = Matter {
    what: "blobs replaced by a symbolic link",
    // The two change places at once: between two steps there would be no blobs at all.
    breaks: "cd /var/lib/ollama && ln --symbolic moved moved && mv --exchange -T blobs moved",
    reasons: &["Linked"],
    says: "blobs in /var/lib/ollama is a symbolic link to moved",
    cure: "cd /var/lib/ollama && ln --symbolic --force --no-dereference nowhere blobs && \
        mv --exchange -T blobs moved && rm moved",
    ..GENTLE
};

const USER_MISSING: Matter = Matter {
    what: "no user ollama",
    breaks: "sed --in-place s/^ollama:/removed:/ /etc/passwd",
    reasons: &["UserMissing"],
    says: "there is no user ollama",
    cure: "sed --in-place s/^removed:/ollama:/ /etc/passwd",
    ..GENTLE
};

/// The owner is right and the mode is not: only a write shows it.
const WRITE_FAILED: Matter = Matter {
    what: "manifests closed to writes",
    breaks: "chmod 0555 /var/lib/ollama/manifests",
    reasons: &["WriteFailed"],
    says: "ollama cannot write in /var/lib/ollama/manifests: Permission denied",
    cure: "chmod 0755 /var/lib/ollama/manifests",
    ..GENTLE
};

/// Nothing of the disk is known, which is no fault of the disk.
const PROBE_FAILED: Matter = Matter {
    what: "the probe of the disk broken",
    breaks: "mkdir /run/systemd/system/saigak-probe-storage@.service.d && \
        printf '[Service]\\nExecStart=\\nExecStart=/bin/false\\n' \
        > /run/systemd/system/saigak-probe-storage@.service.d/broken.conf && \
        systemctl daemon-reload",
    reasons: &["ProbeFailed"],
    says: "closed without an answer",
    cure: "rm --recursive /run/systemd/system/saigak-probe-storage@.service.d && \
        systemctl daemon-reload",
    ..GENTLE
};

async fn play(stage: &Stage) -> Result<()> {
    let options = Options { inodes: Some(INODES), ..stage.healthy_options().await? };
    let guest = stage.boot(options).await?;
    let mark = guest.since_boot();
    guest.until_ready(mark.at, FIRST_READY).await?;
    let matters = [
        &FULL,
        &READ_ONLY,
        &NO_INODES,
        &IMMUTABLE,
        &LINKED,
        &USER_MISSING,
        &PROBE_FAILED,
        &WRITE_FAILED,
    ];
    for matter in matters {
        stage.play_matter(&guest, matter).await?;
    }
    let mark = guest.mark();
    guest.sh(FULL.breaks).await?;
    let limit = FULL.seen_within;
    guest.expect(&mark, FULL.condition, "False", "LowSpace", limit).await?;
    stage.play_matter(&guest, &NEEDED).await
}

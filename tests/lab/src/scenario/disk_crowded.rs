//! A data disk that is full of downloads that were given up.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::stage::Stage;
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::report::Report;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "disk-crowded",
    story: "Downloads that were given up leave too little room: where that is switched on the \
            oldest are removed, one that is hardly an hour old is not, and no model ever",
    needs: Needs::AnyServer,
    shows: &["DataDiskWritable/Crowded", "DataDiskWritable/LowSpace"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

const SETTINGS: &str = "/etc/saigak-agent/conf.d/50-lab.toml";

/// Two downloads of two gibibytes, `$young` and `$old`, and a ballast that leaves 200 MiB.
const CROWD: &str = "set -e; cd /var/lib/ollama; \
    young=blobs/sha256-$(printf %064d 1)-partial; old=blobs/sha256-$(printf %064d 2)-partial; \
    for file in $young $old; do runuser --user ollama -- fallocate --length 2G $file; done; \
    runuser --user ollama -- touch $old-0; touch --date='50 minutes ago' $young; \
    touch --date='2 hours ago' $old $old-0; \
    free=$(($(stat --file-system --format='%a * %S' .))); \
    runuser --user ollama -- fallocate --length $((free - (200 << 20))) ballast";

const REST: &str = "find /var/lib/ollama/blobs /var/lib/ollama/manifests -type f \
    -not -name 'sha256-0*' -exec sha256sum {} + | sort";

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    let limit = Duration::from_mins(1);
    let models = guest.sh(REST).await?;
    guest.sh("mkdir -p /etc/saigak-agent/conf.d").await?;

    stage.say(
        "breaks: the data disk is full of downloads that were given up; nothing is switched on",
    );
    let mark = guest.mark();
    guest.sh(CROWD).await?;
    guest.expect(&mark, "DataDiskWritable", "False", "LowSpace", limit).await?;
    guest.quiet(Duration::from_secs(6)).await?;
    guest.expect_repairs(&mark, &[])?;

    stage.say("the removal of downloads that were given up is switched on");
    guest.write_file(SETTINGS, "[storage]\nmake_room = true\n")?;
    let mark = guest.mark();
    guest.sh("systemctl reload saigak-agent.service").await?;
    let seen = guest.expect(&mark, "DataDiskWritable", "False", "Crowded", limit).await?;
    let healed = guest.expect(&mark, "DataDiskWritable", "True", "Writable", limit).await?;
    guest.expect_repairs(&mark, &["storage/MakeRoom"])?;
    let left = guest.sh("cd /var/lib/ollama/blobs && ls | grep partial").await?;
    ensure!(left.trim() == format!("sha256-{:064}-partial", 1), "these are left: {left}");
    stage.add(Row {
        fault: "downloads that were given up leave too little room".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - mark.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    });

    stage.say("breaks: nothing is left that was given up, and there is too little room");
    let mark = guest.mark();
    guest
        .sh("cd /var/lib/ollama && runuser --user ollama -- fallocate --length 1900M more")
        .await?;
    let tried = |report: &Report| {
        report.repairs.last().is_some_and(|repair| {
            repair.result.as_deref() == Some("Failed")
                && repair
                    .message
                    .as_deref()
                    .is_some_and(|said| said.contains("nothing was removed"))
        })
    };
    guest.wait(mark.at, limit, "storage/MakeRoom to find nothing", tried).await?;
    let lapse = guest.timeline.since(mark.at).into_iter().find(|seen| !seen.report.ready);
    ensure!(lapse.is_none(), "a full disk made a guest unready that serves");
    let mark = guest.mark();
    guest.sh("cd /var/lib/ollama && rm more ballast && ls blobs/*1-partial").await?;
    guest.expect(&mark, "DataDiskWritable", "True", "Writable", limit).await?;
    ensure!(guest.sh(REST).await? == models, "a model is not what it was");
    guest.client_embed().await.map(drop)
}

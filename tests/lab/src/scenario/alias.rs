//! An alias that is not what is declared.

use std::cell::RefCell;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::fault::{Fault, heal};
use super::files::FORGETS;
use super::matter::Matter;
use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::report::Report;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "alias",
    story: "The alias was made anew with another template, other parameters, other weights: it \
            is repaired under its clients' hands, and none of them finds it missing",
    needs: Needs::AnyServer,
    shows: &[
        "AliasPresent/Drifted",
        "AliasPresent/OtherWeights",
        "AliasPresent/ForeignWeights",
        "ModelPresent/TagMoved",
    ],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

const CREATE: &str = "curl --silent --show-error --fail http://127.0.0.1:11434/api/create --data \
    '{\"model\":\"qwen3-embedding-saigak:0.6b\",\"from\":\"qwen3-embedding:0.6b\",\
    \"template\":\"{{ .Prompt }}\",\"parameters\":{\"num_ctx\":4096},\"stream\":false}'";

const PARAMETERS: Fault = Fault {
    what: "the alias has another context length",
    why: "somebody tried a longer context and left it",
    breaks: "curl --silent --show-error --fail http://127.0.0.1:11434/api/create --data \
        '{\"model\":\"qwen3-embedding-saigak:0.6b\",\"from\":\"qwen3-embedding:0.6b\",\
        \"template\":\"{{ .Prompt }}\",\"parameters\":{\"num_ctx\":2048},\"stream\":false}'",
    condition: "AliasPresent",
    reasons: &["Drifted"],
    remedies: &[&["model/CreateAlias"]],
    by_hand: CREATE,
    keeps_data: false,
    seen_within: Duration::from_secs(30),
    healed_within: Duration::from_mins(1),
};

const TEMPLATE: Fault = Fault {
    what: "the alias has another template",
    why: "somebody made it by ollama create with a chat model's Modelfile",
    breaks: "curl --silent --show-error --fail http://127.0.0.1:11434/api/create --data \
        '{\"model\":\"qwen3-embedding-saigak:0.6b\",\"from\":\"qwen3-embedding:0.6b\",\
        \"template\":\"Query: {{ .Prompt }}\",\"parameters\":{\"num_ctx\":4096},\"stream\":false}'",
    ..PARAMETERS
};

/// Gives the alias weights that differ from the source's in their last byte, as a model that was
/// published anew would, and prints the source's. Every file keeps its owner. (systemd would
/// take a name in braces for a variable of its own.)
const OTHER_WEIGHTS: &str = "set -e; cd /var/lib/ollama; \
    old=$(find blobs -type f -size +1M -printf %f | cut --characters=8-71); \
    cp --archive blobs/sha256-$old blobs/new; size=$(stat --format=%s blobs/new); \
    printf x | dd of=blobs/new bs=1 seek=$((size - 1)) conv=notrunc status=none; \
    new=$(sha256sum blobs/new | cut --characters=1-64); mv blobs/new blobs/sha256-$new; \
    alias=manifests/registry.ollama.ai/library/qwen3-embedding-saigak/0.6b; \
    sed s/$old/$new/ $alias > /run/alias; cat /run/alias > $alias; echo $old";

/// Proofs of either weights are held against a vector of their own.
const TWO_REFERENCES: &str = "until test \
    $(grep --only-matching '\"weights\"' /var/lib/saigak-agent/references.json | wc --lines) = 2; \
    do sleep 0.5; done";

/// Nothing is made of a source that is not what is declared.
const FOREIGN: Matter = Matter {
    what: "neither alias nor source has the declared weights",
    breaks: "mkdir -p /etc/saigak-agent/conf.d && \
        printf '[model]\\nweights = \"%064d\"\\n' 0 > /etc/saigak-agent/conf.d/60-lab.toml && \
        systemctl restart saigak-agent.service",
    condition: "AliasPresent",
    reasons: &["ForeignWeights"],
    says: "pull or copy the model whose weights the alias is to have",
    ready: false,
    remedies: &[&[]],
    cure: "rm /etc/saigak-agent/conf.d/60-lab.toml && systemctl restart saigak-agent.service",
    after: &[&[]],
    seen_within: Duration::from_secs(30),
    healed_within: Duration::from_mins(1),
};

/// Sets `$weights` to the alias's, as its manifest names them.
macro_rules! weights {
    () => {
        "weights=$(grep --only-matching --extended-regexp \
         'image\\.model\",\"digest\":\"sha256:[0-9a-f]{64}' \
         /var/lib/ollama/manifests/registry.ollama.ai/library/qwen3-embedding-saigak/0.6b \
         | cut --delimiter=: --fields=3) && blob=/var/lib/ollama/blobs/sha256-$weights"
    };
}

/// The server lists it still. Made from the source it would serve other vectors under its name.
const OWN_WEIGHTS_GONE: Matter = Matter {
    what: "the alias's own weights are gone, the source has others",
    breaks: concat!(weights!(), " && mv $blob /var/lib/kept"),
    condition: "AliasPresent",
    reasons: &["ForeignWeights"],
    says: "it was made from weights",
    ready: false,
    remedies: &[&[]],
    cure: concat!(weights!(), " && mv /var/lib/kept $blob"),
    after: &[&[]],
    seen_within: Duration::from_secs(30),
    healed_within: Duration::from_mins(1),
};

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    stage.play(&guest, &PARAMETERS).await?;
    under_load(stage, &guest, &TEMPLATE).await?;
    let source = other_weights(stage, &guest).await?;
    stage.play_matter(&guest, &OWN_WEIGHTS_GONE).await?;
    moved(stage, &guest).await?;
    declared(stage, &guest, &source).await?;
    stage.play_matter(&guest, &FOREIGN).await
}

/// The repair while clients embed without a pause.
async fn under_load(stage: &Stage, guest: &Guest, fault: &Fault) -> Result<()> {
    stage.say(&format!("breaks: {}, while a client embeds without a pause", fault.what));
    forget(guest).await?;
    let answers = RefCell::new(Vec::new());
    let client = async {
        loop {
            let answer = guest.client_embed().await;
            answers.borrow_mut().push(answer.err().map(|error| format!("{error:#}")));
        }
    };
    let row = tokio::select! {
        row = heal(guest, fault) => row.context(fault.what)?,
        () = client => bail!("the client ended"),
    };
    // The server writes manifests in place: who comes in the very moment of the fault or of the
    // repair is told of half of one. Nothing worse, and no more than one such moment for each,
    // which a client without a pause may meet with three requests at most.
    let answers = answers.into_inner();
    let errors: Vec<&String> = answers.iter().flatten().collect();
    let moments: Vec<usize> = answers
        .chunk_by(|one, next| one.is_some() == next.is_some())
        .filter(|run| run.iter().all(Option::is_some))
        .map(<[_]>::len)
        .collect();
    let served = answers.len() - errors.len();
    stage.say(&format!("{served} embeddings meanwhile, {} refused", errors.len()));
    let torn = errors.iter().all(|error| error.contains("status 500") && error.contains("EOF"));
    let brief = moments.len() <= 2 && moments.iter().all(|requests| *requests <= 3);
    ensure!(torn && brief, "clients felt the repair: {errors:?}");
    ensure!(served > 0, "no client came through at all");
    stage.add(row);
    Ok(())
}

/// Returns the source's weights; the alias has others from now on.
async fn other_weights(stage: &Stage, guest: &Guest) -> Result<String> {
    stage.say("breaks: the alias has weights other than the source's");
    let mark = guest.mark();
    let source = guest.sh(OTHER_WEIGHTS).await?.trim().to_owned();
    let limit = Duration::from_secs(30);
    let seen = guest.expect(&mark, "AliasPresent", "True", "OtherWeights", limit).await?;
    guest.until_ready(seen, FIRST_READY).await?;
    guest.quiet(Duration::from_secs(6)).await?;
    // Nobody has proven these weights yet: until somebody has, and for nothing else.
    let owes = |report: &Report| report.cause.as_ref().is_some_and(|it| it.reason == "NotProven");
    let mut since = guest.timeline.since(mark.at).into_iter();
    let lapse = since.find(|seen| !seen.report.ready && !owes(&seen.report));
    ensure!(lapse.is_none(), "an alias that serves as declared made the guest unready: {lapse:?}");
    guest.client_embed().await?;
    // Its vectors are not those that were proven before, and right all the same.
    guest.sh_within(TWO_REFERENCES, Duration::from_mins(1)).await.context("one reference each")?;
    guest.expect_repairs(&mark, &[])?;
    stage.add(Row {
        fault: "the alias has weights other than the source's, none are declared".into(),
        seen: Some(seen - mark.at),
        ..Row::default()
    });

    stage.say("breaks: that alias drifts besides");
    let mark = guest.mark();
    guest
        .sh(&CREATE.replace("4096", "2048").replace("\"from\":\"qwen3-embedding:", FROM_ALIAS))
        .await?;
    let seen = guest.expect(&mark, "AliasPresent", "False", "Drifted", limit).await?;
    let healed = guest.expect(&mark, "AliasPresent", "True", "OtherWeights", limit).await?;
    guest.expect_repairs(&mark, &["model/CreateAlias"])?;
    guest.until_ready(healed, FIRST_READY).await?;
    stage.add(Row {
        fault: "that alias drifts, and keeps its weights".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - mark.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    });
    Ok(source)
}

const FROM_ALIAS: &str = "\"from\":\"qwen3-embedding-saigak:";

/// The weights that are declared are the alias's: the tag has moved, and nobody follows it.
async fn moved(stage: &Stage, guest: &Guest) -> Result<()> {
    stage.say("breaks: the tag means other weights than the declared ones, which the alias has");
    let settings = "/etc/saigak-agent/conf.d/60-lab.toml";
    let declare = "mkdir -p /etc/saigak-agent/conf.d && printf '[model]\\nweights = \"%s\"\\n'";
    guest.sh(&format!("{} && {declare} $weights > {settings}", weights!())).await?;
    let mark = guest.mark();
    guest.sh("systemctl reload saigak-agent.service").await?;
    let limit = Duration::from_secs(30);
    let seen = guest.expect(&mark, "ModelPresent", "False", "TagMoved", limit).await?;
    let ready = guest.until_ready(seen, FIRST_READY).await?;
    guest.quiet(Duration::from_secs(6)).await?;
    let lapse = guest.timeline.since(ready).into_iter().find(|seen| !seen.report.ready);
    ensure!(lapse.is_none(), "a tag that moved made a guest unready that has what is declared");
    guest.expect_repairs(&mark, &[])?;
    guest.client_embed().await?;
    stage.add(Row {
        fault: "the tag means other weights than the declared ones, which the alias has".into(),
        seen: Some(seen - mark.at),
        ..Row::default()
    });
    let mark = guest.mark();
    guest.sh(&format!("rm {settings} && systemctl reload saigak-agent.service")).await?;
    guest.expect(&mark, "ModelPresent", "True", "Present", limit).await.map(drop)
}

/// The weights that are declared are the source's: now the alias is not as declared.
async fn declared(stage: &Stage, guest: &Guest, source: &str) -> Result<()> {
    stage.say("breaks: the alias has weights other than the declared ones");
    guest.sh("mkdir -p /etc/saigak-agent/conf.d").await?;
    let text = format!("[model]\nweights = \"{source}\"\n");
    guest.sh(FORGETS).await?;
    guest.write_file("/etc/saigak-agent/conf.d/50-lab.toml", text)?;
    let mark = guest.mark();
    guest.sh("systemctl start saigak-agent.service").await?;
    let limit = Duration::from_secs(30);
    let seen = guest.expect(&mark, "AliasPresent", "False", "Drifted", limit).await?;
    let healed = guest.until_ready(seen, FIRST_READY).await?;
    guest.expect_repairs(&mark, &["model/CreateAlias"])?;
    guest.expect(&mark, "AliasPresent", "True", "Matches", limit).await?;
    stage.add(Row {
        fault: "the alias has weights other than the declared ones".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - mark.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    });
    Ok(())
}

async fn forget(guest: &Guest) -> Result<()> {
    let mark = guest.mark();
    guest.sh(FORGETS).await?;
    guest.sh("systemctl start saigak-agent.service").await?;
    guest.until_ready(mark.at, FIRST_READY).await.map(drop)
}

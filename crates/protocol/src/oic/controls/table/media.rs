//! Sound, pictures, televisions and what they play.

use super::super::row::{Kind, PERCENT, Type, amount, count, either, may_set, may_tell, one_of, set, tell, whole};
use super::super::shape::TimeForm;

const SHARE: Kind = whole(0.0, 100.0, "");
const VIDEO_FORMATS: &[&str] = &["progressive", "interlaced", "HDR", "HDR10", "HDR10+", "Dolby Vision"];
const LENGTH: Kind = Kind::Time(TimeForm::Duration);

pub(super) const TYPES: &[Type] = &[
    ("oic.r.audio", &[set("mute", Kind::Switch), set("volume", Kind::Level(PERCENT))]),
    ("oic.r.remotecontrol", &[set("supportedactions", Kind::Keys)]),
    ("oic.r.tv.apps", &[set("app", one_of("applist")), may_set("status", Kind::Text)]),
    ("oic.r.speech.tts", &[set("utterance", Kind::Text), may_tell("supportedLanguages", Kind::List(None))]),
    (
        "oic.r.mediasource",
        &[
            set("status", Kind::Switch),
            may_set("sourceName", Kind::Text),
            may_set("sourceNumber", Kind::Text),
            may_tell("sourceType", Kind::Text),
        ],
    ),
    ("oic.r.mediasourcelist", &[tell("sources", Kind::List(None))]),
    ("oic.r.media.input", &[tell("sources", Kind::List(None))]),
    ("oic.r.media.output", &[tell("sources", Kind::List(None))]),
    ("oic.r.media", &[tell("media", Kind::List(None))]),
    (
        "oic.r.media.core",
        &[
            may_set("title", Kind::Text),
            may_set("shortdescription", Kind::Text),
            may_set("description", Kind::Text),
            may_tell("genres", Kind::List(None)),
            may_tell("ratinginfo", Kind::List(None)),
            may_set("datetime", Kind::Time(TimeForm::DateTime)),
            may_set("mimetype", Kind::Text),
            may_set("mediafile", Kind::Text),
            may_set("identificationnumber", Kind::Text),
            may_tell("mediaartwork", Kind::List(None)),
            may_tell("copyright", Kind::Text),
        ],
    ),
    (
        "oic.r.media.audio",
        &[
            may_set("album", Kind::Text),
            may_set("tracknumber", count("")),
            may_tell("artists", Kind::List(None)),
            may_tell("composers", Kind::List(None)),
            may_tell("producers", Kind::List(None)),
            may_tell("duration", LENGTH),
            may_tell("language", Kind::Text),
            may_tell("mediacore", Kind::List(None)),
        ],
    ),
    (
        "oic.r.media.image",
        &[
            may_set("album", Kind::Text),
            may_set("width", count("px")),
            may_set("height", count("px")),
            may_set("resolution", count("px")),
            may_set("size", amount("kB")),
            may_set("location", Kind::Text),
            may_tell("artists", Kind::List(None)),
            may_tell("geolocation", Kind::List(None)),
            may_tell("mediacore", Kind::List(None)),
        ],
    ),
    (
        "oic.r.media.text",
        &[
            may_set("totalpages", count("")),
            may_set("totalchapters", count("")),
            may_tell("authors", Kind::List(None)),
            may_tell("publishers", Kind::List(None)),
            may_tell("series", Kind::List(None)),
            may_tell("language", Kind::Text),
            may_tell("mediacore", Kind::List(None)),
        ],
    ),
    (
        "oic.r.media.video",
        &[
            may_set("format", either(VIDEO_FORMATS)),
            may_set("width", count("px")),
            may_set("height", count("px")),
            may_set("resolution", count("px")),
            may_set("framerate", count("/s")),
            may_set("bitdepth", count("bit")),
            may_set("size", amount("kB")),
            may_set("location", Kind::Text),
            may_tell("series", Kind::List(None)),
            may_tell("studio", Kind::List(None)),
            may_tell("cast", Kind::List(None)),
            may_tell("directors", Kind::List(None)),
            may_tell("producers", Kind::List(None)),
            may_tell("writers", Kind::List(None)),
            may_tell("composers", Kind::List(None)),
            may_tell("duration", LENGTH),
            may_tell("language", Kind::Text),
            may_tell("geolocation", Kind::List(None)),
            may_tell("mediacore", Kind::List(None)),
        ],
    ),
    (
        "oic.r.settings.accessibility",
        &[
            set("caption", Kind::Switch),
            may_set("caption-mode", one_of("supported-caption-modes")),
            may_set("voice-guide", Kind::Switch),
            may_set("video-description", Kind::Switch),
            may_set("high-contrast", Kind::Switch),
            may_set("enlarge", Kind::Switch),
        ],
    ),
    (
        "oic.r.settings.broadcasting",
        &[
            may_set("antenna", one_of("supported-antennas")),
            may_set("auto-program", Kind::Switch),
            may_set("location-info", Kind::Text),
            may_set("carrier-info", Kind::Text),
        ],
    ),
    (
        "oic.r.settings.picture",
        &[
            may_set("picture-mode", one_of("supported-picture-modes")),
            may_set("aspect-ratio", one_of("supported-aspect-ratio")),
            may_set("picture-off", Kind::Switch),
            may_set("backlight", whole(0.0, 10.0, "")),
            may_set("brightness", SHARE),
            may_set("contrast", SHARE),
            may_set("sharpness", SHARE),
            may_set("colour", SHARE),
            // From cool to warm.
            may_set("colour-temperature", whole(-50.0, 50.0, "")),
            may_set("tint", SHARE),
            may_set("picture-reset", Kind::Button).asking(),
        ],
    ),
    (
        "oic.r.settings.sound",
        &[
            may_set("speaker", one_of("supported-speakers")),
            may_set("sound-mode", one_of("supported-sound-modes")),
            may_set("auto-volume", Kind::Switch),
            may_set("dolby-atmos-compatibility", Kind::Switch),
        ],
    ),
    (
        "oic.r.settings.support",
        &[may_set("remote-management", Kind::Switch).asking(), may_set("software-auto-update", Kind::Switch)],
    ),
    ("oic.r.settings.system", &[set("language", Kind::Text)]),
];

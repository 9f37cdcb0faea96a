//! Scanners that act as a keyboard: every layout reads what it types, whatever is pressed stays bounded, and a scanner
//! that is set to another layout is recognised.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use proptest::prelude::*;
use waybind::config::{Config, Library};
use waybind::protocol::{
    AltCodes, FRAME_MAX, GroupSeparator, Item, Key, KeyEvent, KeyScript, KeyboardFramer, KeyboardSettings, Layout,
    retypings,
};

const ENTER: u16 = 28;

static LIBRARY: LazyLock<Library> = LazyLock::new(|| Library::built_in().unwrap());

fn layout(name: &str) -> Arc<Layout> {
    LIBRARY.layout(name).unwrap().clone()
}

fn layouts() -> Vec<Arc<Layout>> {
    LIBRARY.layouts().cloned().collect()
}

fn settings(toml: &str) -> KeyboardSettings {
    toml::from_str(toml).unwrap()
}

fn frame(text: &str) -> Item {
    Item::Frame(text.as_bytes().to_vec())
}

/// Plays keys, then a pause.
fn read(settings: &KeyboardSettings, layout: Arc<Layout>, keys: &str) -> Vec<Item> {
    let mut framer = KeyboardFramer::new(settings, layout);
    let (mut items, _) = KeyScript::parse(keys).unwrap().play(&mut framer, Duration::ZERO);
    framer.pause(&mut items);
    assert!(!framer.is_pending());
    items
}

/// Each event a millisecond after the one before, then Enter.
fn type_in(layout: &Arc<Layout>, events: &[KeyEvent]) -> Vec<Item> {
    let mut framer = KeyboardFramer::new(&KeyboardSettings::default(), layout.clone());
    let mut items = Vec::new();
    let enter = [KeyEvent::down(ENTER), KeyEvent::up(ENTER)];
    for (at, event) in events.iter().chain(&enter).enumerate() {
        framer.key(*event, Duration::from_millis(at as u64), &mut items);
    }
    items
}

fn why(items: &[Item]) -> Vec<&'static str> {
    items.iter().filter_map(|item| if let Item::Broken(why, _) = item { Some(*why) } else { None }).collect()
}

#[test]
fn every_layout_types_and_reads_all_of_ascii_and_its_control_characters() {
    let printable: String = (' '..='~').collect();
    let control: String = ('\0'..='\x1f').collect();
    for layout in layouts() {
        for text in [&printable, &format!("x{control}")] {
            let events = layout.type_text(text).unwrap_or_else(|| panic!("{} can't type {text:?}", layout.name()));
            assert_eq!(type_in(&layout, &events), [frame(text)], "{}", layout.name());
        }
        assert!(!layout.title().is_empty());
    }
    assert_eq!(layouts().len(), 5);
    assert!(layout("us").type_text("é").is_none());
}

#[test]
fn accents_join_their_letters() {
    let plain = KeyboardSettings::default();
    let de = |keys: &str| read(&plain, layout("de"), keys);
    assert_eq!(de("EQUAL E LEFTSHIFT+EQUAL LEFTSHIFT+A GRAVE SPACE ENTER"), [frame("éÀ^")]);
    assert_eq!(de("GRAVE X EQUAL EQUAL EQUAL ENTER"), [frame("^x´´´")]);
    assert_eq!(read(&plain, layout("fr"), "LEFTSHIFT+LEFTBRACE E RIGHTALT+2 N RIGHTALT+7 SPACE ENTER"), [frame("ëñ`")]);
    assert_eq!(read(&plain, layout("cz"), "LEFTSHIFT+EQUAL LEFTSHIFT+C EQUAL Y RIGHTALT+2 E ENTER"), [frame("Čźě")]);
}

#[test]
fn altgr_is_the_right_alt_key_or_ctrl_and_alt() {
    let plain = KeyboardSettings::default();
    assert_eq!(read(&plain, layout("de"), "RIGHTALT+Q LEFTCTRL+LEFTALT+Q LEFTCTRL+RIGHTALT+E ENTER"), [frame("@@€")]);
    let broken = read(&plain, layout("de"), "RIGHTALT+B ENTER");
    assert_eq!(why(&broken), ["AltGr with a key that has no third character; is the layout the scanner's?"]);
    let broken = read(&plain, layout("us"), "A RIGHTALT+Q ENTER");
    assert_eq!(why(&broken), ["Alt with a key that is not on the keypad; is the layout the scanner's?"]);
}

#[test]
fn caps_lock_is_the_layouts() {
    let plain = KeyboardSettings::default();
    let keys = "CAPSLOCK 2 LEFTSHIFT+2 E LEFTSHIFT+E SLASH ENTER";
    assert_eq!(read(&plain, layout("de"), keys), [frame("2\"Ee-")]);
    assert_eq!(read(&plain, layout("cz"), keys), [frame("Ě2Ee-")]);
    assert_eq!(read(&plain, layout("fr"), keys), [frame("2éEe§")]);
}

#[test]
fn control_letters_go_by_the_layout_and_brackets_by_their_place() {
    let plain = KeyboardSettings::default();
    let keys = "X LEFTCTRL+Z LEFTCTRL+LEFTBRACE LEFTCTRL+BACKSLASH LEFTCTRL+RIGHTBRACE LEFTCTRL+6 LEFTCTRL+MINUS ENTER";
    assert_eq!(read(&plain, layout("us"), keys), [frame("x\x1a\x1b\x1c\x1d\x1e\x1f")]);
    assert_eq!(read(&plain, layout("de"), keys), [frame("x\x19\x1b\x1c\x1d\x1e\x1f")]);
    assert_eq!(
        why(&read(&plain, layout("us"), "X LEFTCTRL+5 ENTER")),
        ["Ctrl with a key that has no control character"]
    );
}

#[test]
fn a_group_separator_is_what_the_definition_says() {
    let us = || layout("us");
    let by_key = settings("group-separator = [\"f8\", \"down\", \"|\"]");
    assert_eq!(read(&by_key, us(), "A F8 B DOWN C LEFTSHIFT+BACKSLASH D ENTER"), [frame("a\x1db\x1dc\x1dd")]);
    assert_eq!(
        why(&read(&by_key, us(), "A LEFTCTRL+RIGHTBRACE B ENTER")),
        ["GS as ctrl-bracket, which the definition does not name"]
    );
    assert_eq!(
        why(&read(&by_key, us(), "A LEFTALT+KP0+KP2+KP9 ENTER")),
        ["GS as alt-029, which the definition does not name"]
    );
    assert_eq!(why(&read(&KeyboardSettings::default(), us(), "A F8 B ENTER")), ["the key F8 stands for no character"]);
    let caret = settings("group-separator = [\"^\"]");
    assert_eq!(read(&caret, layout("de"), "A GRAVE SPACE B ENTER"), [frame("a\x1db")]);
    for wrong in ["enter", "a", "5", " ", "f25", "||", ""] {
        let read = toml::from_str::<KeyboardSettings>(&format!("group-separator = [\"{wrong}\"]"));
        assert!(read.unwrap_err().to_string().contains("is no group separator"), "{wrong}");
    }
    assert_eq!(settings("group-separator = [\"page-up\"]").group_separator, [GroupSeparator::Key(Key(104))]);
}

#[test]
fn alt_numbers_are_windows_1252_or_unicode() {
    let windows = KeyboardSettings::default();
    let unicode = KeyboardSettings { alt_codes: AltCodes::Unicode, ..KeyboardSettings::default() };
    let euro = "LEFTALT+KP0+KP1+KP2+KP8 ENTER";
    assert_eq!(read(&windows, layout("us"), euro), [frame("€")]);
    assert_eq!(read(&unicode, layout("us"), euro), [frame("\u{80}")]);
    let ideograph = "LEFTALT+KP2+KP0+KP0+KP1+KP3 ENTER";
    assert_eq!(read(&unicode, layout("us"), ideograph), [frame("中")]);
    assert_eq!(why(&read(&windows, layout("us"), ideograph)), ["an Alt number without a character"]);
    assert_eq!(
        why(&read(&windows, layout("us"), "LEFTALT+KP0+KP1+KP2+KP9 ENTER")),
        ["an Alt number without a character"]
    );
    assert_eq!(
        why(&read(&unicode, layout("us"), "LEFTALT+KP9+KP9+KP9+KP9+KP9+KP9+KP9+KP9+KP9+KP9+KP9 ENTER")),
        ["an Alt number without a character"]
    );
    assert_eq!(why(&read(&windows, layout("us"), "LEFTALT:down KP0 KP2 A ENTER")), ["an Alt number without its end"]);
    assert_eq!(read(&windows, layout("us"), "LEFTALT RIGHTALT A ENTER"), [frame("a")]);
}

#[test]
fn prefixes_and_ends() {
    let set = settings("prefix = \"~\"\nend = [\"tab\", \"ctrl-m\"]");
    assert_eq!(
        read(&set, layout("us"), "LEFTSHIFT+GRAVE A TAB LEFTSHIFT+GRAVE B LEFTCTRL+M"),
        [frame("a"), frame("b")]
    );
    assert_eq!(
        read(&set, layout("us"), "LEFTSHIFT+GRAVE A M TAB LEFTSHIFT+GRAVE B ENTER C TAB"),
        [frame("am"), frame("b\rc")]
    );
    assert_eq!(
        why(&read(&set, layout("us"), "A TAB LEFTSHIFT+GRAVE TAB")),
        ["the prefix is missing", "nothing behind the prefix"]
    );
    // with a prefix the next code is known by it, and the rest of a broken one too
    let keys = "LEFTSHIFT+GRAVE A @250 B TAB LEFTSHIFT+GRAVE C TAB";
    assert_eq!(why(&read(&set, layout("us"), keys)), ["half a code, then a pause", "the prefix is missing"]);
    for wrong in ["end = [\"shift\"]", "end = [\"left-shift\"]", "end = [\"mute\"]", "suffix = \"x\""] {
        assert!(toml::from_str::<KeyboardSettings>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_broken_code_shows_what_there_was_of_it() {
    let plain = KeyboardSettings::default();
    let broken = |why, text: &str| Item::Broken(why, text.as_bytes().to_vec());
    assert_eq!(read(&plain, layout("us"), "A F5 B ENTER"), [broken("the key F5 stands for no character", "ab")]);
    assert_eq!(
        read(&plain, layout("us"), "A #600 B ENTER"),
        [broken("a key without a name stands for no character", "a<#600>b")]
    );
    assert_eq!(read(&plain, layout("us"), "A B DROPPED C ENTER"), [broken("the kernel lost keys of this code", "abc")]);
    assert_eq!(read(&plain, layout("us"), "DROPPED ENTER"), [broken("the kernel lost keys of this code", "")]);
}

#[test]
fn the_kernels_time_may_step_back() {
    let mut framer = KeyboardFramer::new(&KeyboardSettings::default(), layout("us"));
    let mut items = Vec::new();
    for (code, at) in [(30, 900), (48, 2), (ENTER, 3)] {
        framer.key(KeyEvent::down(code), Duration::from_secs(at) / 1000, &mut items);
    }
    framer.key(KeyEvent::down(30), Duration::MAX, &mut items);
    framer.pause(&mut items);
    framer.key(KeyEvent::down(30), Duration::ZERO, &mut items);
    assert_eq!(items[0], frame("ab"));
}

#[test]
fn a_code_without_end_is_bounded_and_told_once() {
    let mut framer = KeyboardFramer::new(&KeyboardSettings::default(), layout("us"));
    let mut items = Vec::new();
    for at in 0..3 * FRAME_MAX as u64 {
        framer.key(KeyEvent::down(30), Duration::from_millis(at), &mut items);
    }
    assert!(items.is_empty() && framer.is_pending());
    framer.key(KeyEvent::down(ENTER), Duration::from_millis(3 * FRAME_MAX as u64), &mut items);
    assert_eq!(items, [Item::Broken("no end key within the longest frame", vec![b'a'; 256])]);
}

#[test]
fn a_scanner_with_another_layout_is_recognised() {
    let others = layouts();
    let typed_and_read = |typed: &str, read: &str, text: &str| {
        let items = type_in(&layout(read), &layout(typed).type_text(text).unwrap());
        let [Item::Frame(data)] = &items[..] else { panic!("{items:?}") };
        String::from_utf8(data.clone()).unwrap()
    };
    for (typed, read, text, seen) in [
        ("de", "us", "ZY-123/A", "YZ/123&A"),
        ("us", "de", "ZY-123/A", "YZß123-A"),
        ("fr", "us", "6901234567892", "^()!@#$%^&*(@"),
        ("us", "fr", "6901234567892", "-çà&é\"'(-è_çé"),
        ("us", "cz", "8594156270087", "áříč+řžěýééáý"),
        ("cz", "us", "SKU;1", "SKU`!"),
        ("us", "de", "SKU`A", "SKUÂ"),
        ("us", "de", "10A1\u{1d}21Y^Z", "10A1\u{1d}21Z&Y"),
    ] {
        let wrong = typed_and_read(typed, read, text);
        assert_eq!(wrong, seen);
        let found = retypings(&wrong, &layout(read), &others).into_iter().find(|(_, reading)| reading == text);
        let (name, _) = found.unwrap_or_else(|| panic!("{typed} as {read}: {wrong}"));
        // several layouts may read the same: then it is one of them
        assert_eq!(typed_and_read(&name, read, text), wrong, "{name}");
    }
}

#[test]
fn a_text_is_retyped_in_every_other_layout() {
    let (us, others) = (layout("us"), layouts());
    let retyped = |text: &str, name: &str| {
        let all = retypings(text, &us, &others).into_iter().filter(|(layout, _)| layout == name);
        all.map(|(_, reading)| reading).collect::<Vec<_>>()
    };
    assert_eq!(retyped("YA", "de"), ["ZA"]);
    assert_eq!(retyped("YA", "fr"), ["YQ"]);
    assert!(retyped("YA", "us").is_empty(), "the layout itself is no other one");
    assert!(retypings("", &us, &others).is_empty());
    // digits of the keypad are the same everywhere
    assert!(retyped("q12", "fr").contains(&"a12".to_owned()));
}

#[test]
fn layouts_and_keys_with_mistakes_are_told() {
    let read = |keys: &str| {
        let text = format!("name = \"x\"\ntitle = \"x\"\nsource = \"x\"\n[keys]\n{keys}");
        toml::from_str::<Layout>(&text).map(drop).unwrap_err().to_string()
    };
    for (keys, told) in [
        ("QQ = [\"q\"]", "there is no key \"QQ\""),
        ("Q = [\"q\", \"Q\", \"@\", \"?\"]", "more than a plain, a shifted and an AltGr"),
        ("Q = [\"qq\"]", "neither one character"),
        ("Q = [\"dead x\"]", "neither one character"),
    ] {
        assert!(read(keys).contains(told), "{keys}: {}", read(keys));
    }
    assert!(KeyScript::parse("A @x").unwrap_err().contains("@x"));
    assert!(KeyScript::parse("A:under").is_err());
}

#[test]
fn a_warehouses_own_layout_is_found_and_an_unknown_one_told_with_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let definition = |rest: &str| format!("name = \"x\"\nsource = \"x\"\n[framing]\nkind = \"keyboard\"\n{rest}");
    write("layouts/one.toml", "name = \"one\"\ntitle = \"One\"\nsource = \"x\"\n[keys]\nA = [\"1\"]\n");
    write("ours/gun.toml", &definition("layout = \"one\""));
    let library = Library::with_folder(Some(folder.path()));
    assert!(library.get("ours/gun").is_some() && library.get("layouts/one").is_none());
    assert_eq!(read(&KeyboardSettings::default(), library.layout("one").unwrap().clone(), "A ENTER"), [frame("1")]);

    write("ours/bad.toml", &definition("layout = \"uss\""));
    write("ours/endless.toml", &definition("end = []"));
    write("layouts/two.toml", "name = \"one\"\ntitle = \"One\"\nsource = \"x\"\n[keys]\nA = [\"1\"]\n");
    let config = format!("protocols = {:?}\n", folder.path());
    let problems = Config::parse(&config, &std::collections::BTreeMap::new()).unwrap_err();
    let told: Vec<String> = problems.iter().map(|problem| problem.message.clone()).collect();
    assert_eq!(
        told,
        [
            "layouts/two: the layout calls itself \"one\", not \"two\"",
            "ours/bad: there is no keyboard layout \"uss\"; the nearest is \"us\"",
            "ours/endless: without an end key, gap-ends must be true",
        ]
    );
    assert!(Library::with_folder(Some(folder.path())).get("ours/bad").is_none());
}

#[test]
fn shift_that_goes_down_before_a_pause_belongs_to_the_code_and_one_that_never_goes_up_does_not() {
    const SHIFT: u16 = 42;
    const A: u16 = 30;
    let down = |code| KeyEvent::down(code);
    for (events, typed) in [
        (vec![(down(SHIFT), 0), (down(A), 600), (down(ENTER), 601)], "A"),
        (vec![(down(SHIFT), 0), (down(A), 5_000), (down(ENTER), 5_001)], "a"),
        (vec![(down(SHIFT), 0), (down(A), 1), (down(ENTER), 2), (down(A), 600), (down(ENTER), 601)], "a"),
    ] {
        let mut framer = KeyboardFramer::new(&KeyboardSettings::default(), layouts()[0].clone());
        let mut items = Vec::new();
        for (event, at) in events {
            framer.key(event, Duration::from_millis(at), &mut items);
        }
        assert_eq!(items.last(), Some(&frame(typed)));
    }
}

fn event() -> impl Strategy<Value = (KeyEvent, u64)> {
    let usual = prop_oneof![Just(28_u16), Just(42), Just(29), Just(56), Just(100), 2..14_u16, 71..84_u16];
    let code = prop_oneof![4 => usual, 3 => 0..128_u16, 1 => any::<u16>()];
    let value = prop_oneof![6 => 0..3_i32, 1 => any::<i32>()];
    let pause = prop_oneof![20 => 0..3_u64, 1 => 100..2_000_u64];
    (code, value, pause).prop_map(|(code, value, pause)| (KeyEvent { code, value }, pause))
}

/// Definitions of all kinds, with all layouts.
fn framers() -> Vec<KeyboardFramer> {
    let all = [
        "",
        "gap-ends = true\ngroup-separator = [\"|\", \"f8\"]",
        "prefix = \"1\"\nend = [\"tab\"]\nalt-codes = \"unicode\"",
    ];
    let of = |layout: Arc<Layout>| all.map(|toml| KeyboardFramer::new(&settings(toml), layout.clone()));
    layouts().into_iter().flat_map(of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_keys_stay_bounded_and_a_pause_ends_them(events in prop::collection::vec(event(), 0..400), lost in prop::collection::vec(0..400_usize, 0..3)) {
        for mut framer in framers() {
            let (mut items, mut at) = (Vec::new(), 0);
            for (index, (event, pause)) in events.iter().enumerate() {
                at += pause;
                framer.key(*event, Duration::from_millis(at), &mut items);
                if lost.contains(&index) {
                    framer.dropped();
                }
            }
            framer.pause(&mut items);
            prop_assert!(!framer.is_pending());
            for item in &items {
                let (Item::Frame(data) | Item::Broken(_, data)) = item else { panic!("{item:?}") };
                prop_assert!(data.len() <= FRAME_MAX);
            }
        }
    }

    #[test]
    fn telling_a_pause_and_seeing_it_in_the_times_is_the_same(events in prop::collection::vec(event(), 0..300)) {
        for (mut told, mut untold) in framers().into_iter().zip(framers()) {
            let (mut one, mut other, mut at) = (Vec::new(), Vec::new(), 0);
            let mut quiet = 0;
            for (event, pause) in &events {
                at += pause;
                quiet += pause;
                if quiet >= told.gap_ms() && told.is_pending() {
                    told.pause(&mut one);
                }
                if (0..2).contains(&event.value) {
                    quiet = 0;
                }
                told.key(*event, Duration::from_millis(at), &mut one);
                untold.key(*event, Duration::from_millis(at), &mut other);
            }
            told.pause(&mut one);
            untold.pause(&mut other);
            prop_assert_eq!(one, other);
        }
    }

    #[test]
    fn every_layout_reads_what_it_types(text in "[ -~]{1,60}", pauses in prop::collection::vec(0..150_u64, 1..20)) {
        for layout in layouts() {
            let events = layout.type_text(&text).unwrap();
            let mut framer = KeyboardFramer::new(&KeyboardSettings::default(), layout.clone());
            let (mut items, mut at) = (Vec::new(), 0);
            for (index, event) in events.iter().chain(&[KeyEvent::down(ENTER)]).enumerate() {
                at += pauses[index % pauses.len()];
                framer.key(*event, Duration::from_millis(at), &mut items);
            }
            prop_assert_eq!(items, vec![frame(&text)], "{}", layout.name());
        }
    }

    #[test]
    fn after_any_keys_and_a_while_a_code_is_read(events in prop::collection::vec(event(), 0..100)) {
        for layout in layouts() {
            let mut framer = KeyboardFramer::new(&KeyboardSettings::default(), layout.clone());
            let (mut items, mut at) = (Vec::new(), Duration::ZERO);
            for (event, pause) in &events {
                at += Duration::from_millis(*pause);
                framer.key(*event, at, &mut items);
            }
            at += Duration::from_secs(3);
            items.clear();
            let mut typed = layout.type_text("]C110A\u{1d}21").unwrap();
            typed.push(KeyEvent::down(ENTER));
            for event in typed {
                framer.key(event, at, &mut items);
            }
            prop_assert_eq!(items.last(), Some(&frame("]C110A\u{1d}21")), "{}", layout.name());
        }
    }

    #[test]
    fn retyping_never_panics(text in any::<String>()) {
        for assumed in layouts() {
            for (name, reading) in retypings(&text, &assumed, &layouts()) {
                prop_assert!(name != assumed.name() && reading != text);
            }
        }
    }
}

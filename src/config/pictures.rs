//! The pictures that templates name: files beside them, or ours, each read once, none from anywhere else.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::templates::BUILT_IN;
use crate::codec::{PICTURE_LIMITS, Picture};
use crate::label::{Element, ElementRef, Elements, PictureName, Resolution, Template};

/// Most pictures of a folder of templates that are opened; each has at most a megabyte.
const PICTURES_MAX: usize = 64;

/// A mistake with a picture: what is wrong, and what to do.
#[derive(Clone, Debug)]
pub(super) struct Wrong {
    pub message: String,
    pub hint: String,
}

/// The pictures of a template, and the mistakes of its elements.
pub(super) type Opened = (BTreeMap<PictureName, Arc<Picture>>, Vec<(ElementRef, Wrong)>);

/// The pictures of one folder.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// None for the program's own.
    folder: Option<PathBuf>,
    opened: BTreeMap<PictureName, Result<Arc<Picture>, Wrong>>,
}

impl Shelf {
    /// The shelf of a folder; without one, the program's own.
    pub(super) fn new(folder: Option<&Path>) -> Shelf {
        Shelf { folder: folder.map(Path::to_owned), opened: BTreeMap::new() }
    }

    /// A picture.
    fn open(&mut self, name: &PictureName) -> Result<Arc<Picture>, Wrong> {
        if let Some(opened) = self.opened.get(name) {
            return opened.clone();
        }
        if self.opened.len() >= PICTURES_MAX {
            return Err(Wrong {
                message: format!("the templates of this folder have more than {PICTURES_MAX} pictures"),
                hint: "name the same pictures in several templates".into(),
            });
        }
        let bytes = match &self.folder {
            None => built_in(name),
            // a copy of one of our templates finds its pictures too
            Some(folder) if !folder.join(name.as_str()).exists() && BUILT_IN.get_file(name.as_str()).is_some() => {
                built_in(name)
            }
            Some(folder) => beside(folder, name),
        };
        let opened = bytes.and_then(|bytes| {
            let refused = |error: crate::codec::ReadError| Wrong {
                message: format!("{name}: {error}"),
                hint: error.hint().to_owned(),
            };
            Picture::open(bytes).map(Arc::new).map_err(refused)
        });
        self.opened.insert(name.clone(), opened.clone());
        opened
    }

    /// The pictures of a template, and which of its elements has a mistake.
    pub(super) fn of(&mut self, template: &Template) -> Opened {
        let mut pictures = BTreeMap::new();
        let mut wrong = Vec::new();
        let repeated = template.repeat.iter().enumerate();
        let repeated = repeated.flat_map(|(index, repeat)| Elements::of_repeat(repeat, index).iter());
        for (element, image) in Elements::of(template).iter().chain(repeated) {
            let Element::Image(image) = image else { continue };
            let drawn = self.open(&image.file).and_then(|picture| {
                let dots = |mm| Resolution::DPI_203.dots(mm);
                let wanted = image.wanted(dots(image.size[0]), dots(image.size[1]));
                match picture.dots(wanted) {
                    Ok(drawn) if drawn.is_blank() => Err(Wrong {
                        message: format!("{}: all of it is too light to be printed", image.file),
                        hint: "take a darker picture, a higher threshold, or dither = \"diffuse\"".into(),
                    }),
                    Ok(_) => Ok(picture),
                    Err(error) => {
                        Err(Wrong { message: format!("{}: {error}", image.file), hint: "make its box smaller".into() })
                    }
                }
            });
            match drawn {
                Ok(picture) => drop(pictures.insert(image.file.clone(), picture)),
                Err(problem) => wrong.push((element, problem)),
            }
        }
        (pictures, wrong)
    }
}

fn built_in(name: &PictureName) -> Result<Vec<u8>, Wrong> {
    let missing = || Wrong { message: format!("waybind has no picture {name}"), hint: String::new() };
    BUILT_IN.get_file(name.as_str()).map(|file| file.contents().to_vec()).ok_or_else(missing)
}

/// The bytes of a file of the folder. A link that leads out of the folder is followed no more than a path.
fn beside(folder: &Path, name: &PictureName) -> Result<Vec<u8>, Wrong> {
    let shown = folder.join(name.as_str());
    let wrong = |message: String, hint: &str| Wrong { message, hint: hint.to_owned() };
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            wrong(format!("there is no picture {}", shown.display()), "put it beside the template, or correct its name")
        }
        _ => wrong(format!("{} can't be read: {error}", shown.display()), "give waybind the right to read it"),
    };
    let (home, path) = (folder.canonicalize().map_err(unreadable)?, shown.canonicalize().map_err(unreadable)?);
    if !path.starts_with(&home) {
        return Err(wrong(format!("{} leads out of its folder", shown.display()), "copy the file beside the template"));
    }
    // what is no file may never end
    if !path.metadata().map_err(unreadable)?.is_file() {
        return Err(wrong(format!("{} is no file", shown.display()), "put a picture there"));
    }
    let mut bytes = Vec::new();
    // one byte more, so that the limit is told
    let most = PICTURE_LIMITS.bytes as u64 + 1;
    std::fs::File::open(&path).and_then(|file| file.take(most).read_to_end(&mut bytes)).map_err(unreadable)?;
    Ok(bytes)
}

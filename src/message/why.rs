//! Reasons in words: why a code came at the wrong moment, what a word of information is about.

use super::Language;
use crate::barcode::DecodeErrorCode;
use crate::domain::verdict::Why;

/// What is the matter, and what to do next.
pub(super) fn why_text(why: &Why, language: Language) -> (String, String) {
    match why {
        Why::QuantitySet(times) => (
            language.pick("下一件计 {} 件", "the next item counts {} times").replace("{}", &times.to_string()),
            language.pick("扫描商品", "Scan the item").to_owned(),
        ),
        Why::Reprinting(copy) => (
            language.pick("补打第 {} 份", "printing copy {}").replace("{}", &copy.to_string()),
            language.pick("撕掉旧标签", "Take the old label off").to_owned(),
        ),
        Why::StillMissing(count) => (
            language
                .pick("清单还缺 {} 单", "{} expected on the manifest are missing")
                .replace("{}", &count.to_string()),
            language
                .pick(
                    "继续装车；或扫 PAUSE 暂停；组长再扫 DONE 则不等它们",
                    "Load them, or scan PAUSE; a lead scans DONE again to leave them behind",
                )
                .to_owned(),
        ),
        Why::WrongLayout(layout) => (
            language
                .pick("扫描枪的键盘布局是 {}", "the scanner types in the keyboard layout \"{}\"")
                .replace("{}", layout),
            language
                .pick(
                    "把扫描枪改为配置中的布局，或改 protocol",
                    "Set the scanner to the layout of its definition, or change the definition",
                )
                .to_owned(),
        ),
        Why::Decode(code, offset) => {
            let place = language.pick("第 {} 个字符", "character {}").replace("{}", &(offset + 1).to_string());
            let (chinese, english) = misread(*code);
            (format!("{} ({place})", language.pick(chinese, english)), String::new())
        }
        Why::Frame(fault) | Why::Storage(fault) => (fault.clone(), String::new()),
        other => {
            let ((chinese, english), (advice_chinese, advice_english)) = fixed(other);
            (language.pick(chinese, english).to_owned(), language.pick(advice_chinese, advice_english).to_owned())
        }
    }
}

type Pair = (&'static str, &'static str);

/// What is said about bags and their labels.
#[rustfmt::skip]
fn of_bags(why: &Why) -> (Pair, Pair) {
    match why {
        Why::BagWhat => (("放入所示集包袋", "it goes into the bag shown"), ("放入后扫袋标，或再扫一次面单", "Put it in and scan the bag's tag, or the waybill once more")),
        Why::NewBag => (("放入新的集包袋", "it goes into a new bag"), ("取一个空袋，扫袋标，或再扫一次面单", "Take an empty bag and scan its tag, or the waybill once more")),
        Why::ParcelFirst => (("有多个包裹待入袋", "several parcels wait for their bags"), ("先扫包裹的面单，再扫袋", "Scan the parcel's waybill first, then the bag")),
        Why::NoRegion => (("订单没有收货区域，不集包", "the order has no receiving region: it shares no bag"), ("单独发运", "It travels by itself")),
        Why::UnbagWhat => (("取出", "taking out"), ("扫描要取出的包裹的面单", "Scan the waybill of the parcel that comes out")),
        Why::NotInBag => (("不在任何集包袋中", "it is in no bag"), ("", "")),
        Why::OutOfBag => (("已从集包袋取出", "out of its bag"), ("", "")),
        Why::NewLabel => (("已取出，正在打印新的聚合面单", "out of its bag; the bag gets a new label"), ("把新面单贴在旧面单上", "Stick the new label over the old one")),
        Why::NotTheParcel => (("聚合面单的码不能说明是哪个包裹", "a label's code does not say which parcel is in hand"), ("扫描包裹自己的面单", "Scan the parcel's own waybill")),
        Why::SealBagWhat => (("有多个打开的集包袋", "several bags are open"), ("扫描要封的袋标，或袋内任一包裹", "Scan the bag's tag, or any parcel in it")),
        Why::BagClosed => (("集包袋已封，打印聚合面单", "the bag is closed; its label is printed"), ("贴上聚合面单", "Stick the label on the bag")),
        Why::TakeOut => (("袋内有被拦截的包裹", "a parcel in the bag is stopped"), ("取出它：扫 UNLOAD 和它的面单", "Take it out: UNLOAD, then its waybill")),
        Why::Superseded => (("已有新版面单", "a newer version of the label holds"), ("换上新面单", "Use the newer label")),
        Why::LabelGone => (("此聚合面单已作废", "this label no longer holds"), ("撕下；贴上新面单，或重新集包", "Take it off; stick the new one on, or bag the parcels anew")),
        Why::AboutLabel => (("聚合面单", "aggregated label"), ("", "")),
        _ => (("", ""), ("", "")),
    }
}

#[rustfmt::skip]
fn fixed(why: &Why) -> (Pair, Pair) {
    match why {
        Why::NothingOpen => (("未打开任何单据", "nothing is open here"), ("先扫拣货单、订单或面单", "Scan a pick list, an order or a waybill first")),
        Why::WorkOpen => (("当前单据未完成", "other work is open here"), ("完成它，或扫 PAUSE 暂停", "Finish it, or scan PAUSE")),
        Why::LinesOpen => (("还有未完成的行", "lines are still open"), ("补齐，或扫 SHORT 短拣、PAUSE 暂停", "Complete them, or scan SHORT or PAUSE")),
        Why::NothingLeft => (("已全部完成", "everything on it is done"), ("换下一单", "Take the next one")),
        Why::NoManifest => (("未打开交接清单", "no manifest is open here"), ("先扫交接清单", "Scan a manifest first")),
        Why::ManifestOpen => (("已打开另一张交接清单", "another manifest is open here"), ("先扫 DONE 关闭或 PAUSE 暂停", "Close it with DONE, or scan PAUSE")),
        Why::ManifestClosed => (("该交接清单已交接", "the manifest is handed over"), ("清单已关闭，不能更改", "It changes no more; ask for a new manifest")),
        Why::NotOnManifest => (("不在此交接清单上", "not on this manifest"), ("留给它自己的车次", "Leave it for its own departure")),
        Why::TakeOff => (("已在车上，不能发出", "on the truck, and may not leave"), ("卸下：扫 UNLOAD 和面单", "Take it off: UNLOAD, then the waybill")),
        Why::NothingToUndo => (("没有可撤销的扫描", "there is nothing to undo"), ("", "")),
        Why::AlreadyLoaded => (("包裹已装车", "the parcel is on the truck"), ("先卸下：扫 UNLOAD 和面单", "Take it off first: UNLOAD, then the waybill")),
        Why::NothingToSeal => (("没有可封的箱", "there is no box to seal"), ("先扫商品", "Scan an item first")),
        Why::NoteFirst => (("客户备注未确认", "a customer note is not confirmed"), ("阅读备注后扫 ACK", "Read the note, then scan ACK")),
        Why::NothingToOverride => (("没有可放行的拒绝", "there is no refusal that may be overridden"), ("", "")),
        Why::OneByOne => (("序列号商品须逐件扫描", "serial-tracked items are scanned one by one"), ("扫描每一件", "Scan each unit")),
        Why::NotHere => (("此工位不处理这种条码", "this station does not take such a code"), ("到对应工位扫描", "Scan it where it belongs")),
        Why::NotLoaded => (("该面单未装车", "this waybill is not loaded"), ("", "")),
        Why::NothingToPutBack => (("没有待放回的商品", "nothing of this is to be put back"), ("", "")),
        Why::NothingPrinted => (("此工位尚未打印", "nothing was printed here"), ("", "")),
        Why::NoPrinter => (("没有可用的打印机", "no printer takes it"), ("扫描打印机条码，或请主管配置", "Scan a printer's code, or ask a supervisor to configure one")),
        Why::ReprintReason => (("补打原因", "reason for the reprint"), ("扫描或输入原因", "Scan or type the reason")),
        Why::PrinterChosen => (("本工位改用此打印机", "this station prints there now"), ("", "")),
        Why::AtLocation => (("当前货位", "at this shelf now"), ("扫描商品", "Scan the item")),
        Why::ShortWhat => (("登记短拣", "shortage"), ("扫描短缺的商品，或输入行号", "Scan the item that is short, or type its line number")),
        Why::UnloadWhat => (("卸车", "unloading"), ("扫描要卸下的面单", "Scan the waybill to take off")),
        Why::PutBackWhat => (("放回", "putting back"), ("扫描要放回的商品或订单", "Scan the item, or the order whose goods go back")),
        Why::OverrideBadge => (("申请放行", "override"), ("组长或主管扫工牌", "A lead or supervisor scans their badge")),
        Why::OverrideReason => (("放行原因", "reason for the override"), ("扫描或输入原因", "Scan or type the reason")),
        Why::OverrideItem => (("人工确认", "confirmation by hand"), ("输入或扫描该商品编号", "Scan or type the product's number")),
        Why::TeachCode => (("登记条码", "teaching a barcode"), ("扫描尚未登记的条码", "Scan the code that is not known yet")),
        Why::TeachItem => (("登记条码", "teaching a barcode"), ("扫描商品自己的标签，或输入 SKU", "Scan the product's own label, or type its SKU")),
        Why::TeachBadge => (("登记条码需主管确认", "a supervisor must vouch for the barcode"), ("主管扫工牌", "A supervisor scans their badge")),
        Why::NotTeachable => (("此条码不能登记为商品", "no product can bear this code"), ("扫描商品包装上的条码", "Scan the code on the product's packaging")),
        Why::CodeTaken => (("此条码已属于一个商品", "a product bears this code already"), ("如有误请在上游更正", "If that is wrong, correct it upstream")),
        Why::PinWanted => (("需要 PIN", "PIN wanted"), ("在屏幕上输入 PIN", "Type your PIN on the screen")),
        Why::NoPin => (("此人员未设置 PIN", "this person has no PIN"), ("请主管设置 PIN", "Ask a supervisor to set one")),
        Why::PinWrong => (("PIN 错误", "wrong PIN"), ("重新输入 PIN", "Type it again")),
        Why::Labelled => (("面单已绑定", "its waybill is bound"), ("贴上它自己的面单", "Its own waybill belongs on it")),
        Why::PickFirst => (("还没有拣货", "it is not picked yet"), ("先拣货，再打包", "Pick it first, then pack it")),
        Why::CountsNothing => (("条码中的数量为 0", "its quantity is 0"), ("换一个标签或手工计数", "Use another label, or count by hand")),
        Why::PinLate => (("PIN 输入超时", "the PIN came too late"), ("重新扫工牌", "Scan the badge again")),
        Why::PinLocked => (("PIN 错误次数过多", "too many wrong PINs"), ("五分钟后再扫工牌", "Scan the badge again in five minutes")),
        Why::Inactive => (("该人员已停用", "this person no longer works here"), ("", "")),
        Why::Nobody => (("没有此工号的人员", "nobody of that id is known"), ("核对工号，或先登记人员", "Check the operator's id, or enter the operator first")),
        Why::RoleTooLow => (("权限不足", "the role does not reach"), ("请组长或主管扫工牌", "Ask a lead or supervisor to scan their badge")),
        Why::SlotFirst => (("没有商品等待放入播种格", "no item waits for a slot"), ("先扫商品", "Scan the item first")),
        Why::WasRecorded => (("上一次扫描已记录", "the last scan was recorded"), ("继续下一件", "Go on with the next one")),
        Why::WasArchived => (("该扫描早已记录，记录已归档", "this scan was recorded long ago, and its record is archived"), ("不重复计数；详情见归档文件", "It does not count again; the archive has the details")),
        Why::WasNotRecorded => (("上一次扫描未记录", "the last scan was not recorded"), ("请重扫", "Scan it again")),
        Why::BagWhat | Why::NewBag | Why::ParcelFirst | Why::NoRegion | Why::UnbagWhat | Why::NotInBag
        | Why::OutOfBag | Why::NewLabel | Why::NotTheParcel | Why::SealBagWhat | Why::BagClosed
        | Why::TakeOut | Why::Superseded | Why::LabelGone | Why::AboutLabel => of_bags(why),
        Why::AboutOrder => (("订单", "order"), ("", "")),
        Why::AboutList => (("拣货单", "pick list"), ("", "")),
        Why::AboutWaybill => (("面单", "waybill"), ("", "")),
        Why::AboutManifest => (("交接清单", "manifest"), ("", "")),
        Why::AboutParcel => (("包裹", "parcel"), ("", "")),
        Why::AboutProduct => (("商品", "product"), ("", "")),
        Why::AboutPlace => (("位置", "place"), ("", "")),
        Why::AboutOperator => (("工牌", "badge"), ("", "")),
        Why::Reprinting(_) | Why::QuantitySet(_) | Why::StillMissing(_) | Why::WrongLayout(_) | Why::Decode(..) | Why::Frame(_) | Why::Storage(_) => (("", ""), ("", "")),
    }
}

/// What is wrong with a code.
fn misread(code: DecodeErrorCode) -> (&'static str, &'static str) {
    match code {
        DecodeErrorCode::Empty => ("没有内容", "nothing was scanned"),
        DecodeErrorCode::InvalidUtf8 => ("字符编码无法识别", "the bytes are no UTF-8 text"),
        DecodeErrorCode::TooLarge => ("内容过长，不是条码", "longer than any barcode"),
        DecodeErrorCode::InvalidAim => ("] 后面不是码制标识", "no symbology identifier follows the bracket"),
        DecodeErrorCode::UnknownAi => ("未知的 GS1 应用标识符", "no such GS1 application identifier"),
        DecodeErrorCode::TooShort => ("内容太短", "the value is too short"),
        DecodeErrorCode::TooLong => ("内容太长", "the value is too long"),
        DecodeErrorCode::InvalidCharacter => ("此处不允许的字符", "a character that may not stand here"),
        DecodeErrorCode::CheckDigit => ("校验位不符", "the check digit does not match"),
        DecodeErrorCode::CheckPair => ("校验字符不符", "the check characters do not match"),
        DecodeErrorCode::InvalidDate => ("没有这样的日期", "no such date"),
        DecodeErrorCode::InvalidContent => ("内容无效", "the content is not valid"),
        DecodeErrorCode::RepeatedAi => ("同一标识符两次，内容不同", "the same identifier with two different values"),
        DecodeErrorCode::TooManyElements => ("标识符太多", "too many elements"),
        DecodeErrorCode::MisplacedSeparator => ("分隔符位置不对", "a separator with nothing before it"),
        DecodeErrorCode::InvalidUri => ("Digital Link 网址格式不对", "the Digital Link is malformed"),
        DecodeErrorCode::MisplacedKey => ("Digital Link 的键位置不对", "this key may not stand here in a Digital Link"),
    }
}

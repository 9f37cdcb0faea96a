//! Words of the pages.

use super::Language;

macro_rules! phrases {
    ($($name:ident $chinese:literal $english:literal;)*) => {
        /// A phrase of the pages.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the English words beside each say what it is")]
        pub enum Phrase { $($name,)* }

        fn both(name: Phrase) -> (&'static str, &'static str) {
            match name { $(Phrase::$name => ($chinese, $english),)* }
        }

        #[cfg(test)]
        const ALL: &[Phrase] = &[$(Phrase::$name,)*];
    };
}

phrases! {
    MissingHere "waybind 中没有" "missing here";
    MissingThere "对方没有" "missing there";
    Differs "不一致" "differs";
    NotReadable "无法读取" "not readable";
    Differences "差异" "Differences";
    KindOf "类别" "Kind";
    Number "编号" "Number";
    Finding "结果" "Finding";
    FieldOf "字段" "Field";
    HereIs "waybind" "waybind";
    ThereIs "对方" "There";
    FileOf "文件" "File";
    SheetOf "工作表" "Sheet";
    RowsOf "行号" "Rows";
    Sources "数据来源" "Sources";
    ReadLast "上次读取" "last read";
    NeverRead "尚未读取" "not read yet";
    SourceFull "待处理过多，已停止读取" "too much is open; it is asked no further";
    Refused "被拒绝" "refused";
    Waits "等待" "waits:";
    WhatIsOpen "查看待处理" "what is open";
    UnknownWord "对照表中没有" "in no dictionary:";
    AggregatedLabel "聚合面单" "Aggregated label";
    BagOpen "集包袋" "Bag";
    RoomFor "还可放" "room for";
    Parcels "件包裹" "parcels";
    InTheBag "袋内包裹" "In the bag";
    TakeItOut "须取出" "take it out";
    LabelVersions "版本与打印记录" "Versions and prints";
    LabelIsVoid "此面单已作废，扫任一码都会报警" "This label is void; each of its codes alarms";
    LabelNotYet "集包袋还开着，封袋后才有面单" "The bag is open; its label is made when it closes";
    LabelHolds "有效" "holds";
    VoidWord "作废" "void";
    VoidIt "作废此面单" "Void this label";
    NotPrintedYet "未打印" "not printed";
    ReasonOf "原因" "Reason";
    Overview "总览" "Overview";
    Stations "工位" "Stations";
    Orders "出库单" "Orders";
    Order "出库单" "Order";
    PickList "拣货单" "Pick list";
    Waybill "运单" "Waybill";
    Manifest "交接清单" "Manifest";
    PuttingBack "放回" "Putting back";
    Sku "SKU" "SKU";
    Name "名称" "Name";
    Location "货位" "Location";
    Slot "播种格" "Slot";
    Lot "批号" "Lot";
    Serial "序列号" "Serial";
    Expiry "有效期" "Expiry";
    Revision "版本" "Revision";
    Quantity "数量" "Quantity";
    Code "条码" "Code";
    Line "行" "Line";
    Progress "进度" "Progress";
    Picked "已拣" "Picked";
    Packed "已包" "Packed";
    Demanded "应发" "Demanded";
    Stage "阶段" "Stage";
    Carrier "承运商" "Carrier";
    Departure "发车" "Departure";
    Loaded "已装" "Loaded";
    Missing "缺少" "Missing";
    MustComeOff "必须卸下" "Must come off";
    NoWaybillYet "还没有面单" "no waybill yet";
    AndMore "还有" "and more:";
    Expected "应为" "Expected";
    Scanned "扫到" "Scanned";
    LinesDone "行已完成" "lines done";
    LinesOpen "行未完成" "lines open";
    NothingOpen "无作业" "nothing open";
    NobodySignedIn "未登录" "nobody signed in";
    ToPutBack "待放回" "to be put back";
    StickAndScan "贴上面单并扫描" "stick the waybill on and scan it";
    NothingCounted "未计数" "Nothing was counted";
    Acknowledge "确认报警" "Acknowledge";
    ConfirmNote "确认备注" "Confirm";
    Commands "命令" "Commands";
    Undo "撤销" "Undo";
    Short "短拣" "Short";
    Pause "暂停" "Pause";
    Done "完成" "Done";
    Seal "封箱" "Seal";
    Unload "卸车" "Unload";
    Reprint "补打" "Reprint";
    ReprintWhy "为什么补打？" "Why is it printed again?";
    Printing "打印" "Printing";
    PrinterQueue "排队" "waiting";
    LabelWaiting "已打包，等待标签" "packed, label waiting";
    Copy "份" "copy";
    ItIsPrinted "已打印" "It is printed";
    PrintAgain "重新打印" "Print again";
    GiveUp "放弃" "Give up";
    TypeCode "手工输入条码" "Type a code";
    TypePin "输入 PIN" "Type your PIN";
    ScanWork "请扫拣货单、订单或面单" "Scan a pick list, an order or a waybill";
    ScanItem "请扫商品" "Scan an item";
    ScanWaybill "请扫面单" "Scan a waybill";
    ScanManifest "请扫交接清单或面单" "Scan a manifest or a waybill";
    ScanAnything "请扫任意条码" "Scan any code";
    ThatScan "本次扫描：" "That scan:";
    ModePick "拣货" "pick";
    ModePack "打包" "pack";
    ModeBench "验货打包" "bench";
    ModeLoad "装车" "load";
    ModeInfo "查询" "info";
    ScannerAlive "扫描枪正常" "scanner ready";
    ScannerGone "扫描枪断开" "scanner gone";
    NotConfigured "已插入但未配置的扫描枪" "Scanners that are plugged in and not configured";
    AddToConfiguration "加入配置文件后重启 waybind：" "Add this to the configuration and restart waybind:";
    TargetsBehind "未送达的事件" "Events that were not delivered";
    Waiting "条待发" "waiting";
    Since "最早" "the oldest of";
    DeadLetters "条被拒收" "refused";
    LedgerGood "记录正常" "recording";
    LedgerStopped "无法记录" "Nothing can be recorded";
    SoundOn "打开声音" "sound on";
    ConnectionLost "连接中断" "Connection lost";
    NothingRecorded "此页面当前不记录任何扫描" "Nothing is being recorded through this page";
    NoScript "此页面不会自动更新；请启用脚本。" "This page does not update by itself; switch scripts on.";
    AlarmOpen "报警未确认" "alarm open";
    NoOrders "还没有订单：通过 POST /api/v1/orders 或 waybind import 导入。" "No orders yet: POST them to /api/v1/orders, or run waybind import.";
    Search "查询" "Search";
    SearchHint "订单、包裹、面单、SKU、序列号、电话" "order, parcel, waybill, SKU, serial, phone";
    NothingFound "没有找到" "Nothing found";
    Cancelled "已取消" "cancelled";
    Held "挂起" "on hold";
    Complete "完整，可装车" "complete, may leave";
    Story "全部经过" "The whole story";
    StoryArchived "更早的经过在归档文件中，文件不在本机：" "What came before is in archives that are not here:";
    StoryEarlier "更早的经过未显示，条数：" "Earlier facts that are not shown:";
    Exceptions "异常" "Exceptions";
    NoExceptions "没有需要处理的订单。" "No order wants a person.";
    OnlyTheFirst "只显示前" "only the first are shown:";
    Why "原因" "Why";
    WhatExactly "详情" "What exactly";
    UpstreamWants "上游要求" "upstream wants";
    AddressBefore "原地址" "Before";
    AddressNow "新地址" "Now";
    ConfirmWithBadge "主管扫工牌确认" "A supervisor scans their badge";
    ConfirmAddress "确认新地址" "Confirm the new address";
    NoBadge "这不是本仓的工牌" "This is no badge of this site";
    NumbersToReturn "待退回快递的单号" "Numbers to return to their carriers";
    NoNumbersToReturn "没有待退回的单号。" "No number waits to be returned.";
    Returned "已退回" "Returned";
    Recalls "召回与停发" "Recalls and stop-lists";
    Recall "召回" "Recall";
    NoRecalls "没有停发名单：用 waybind import 导入，或通过 POST /api/v1/stop-lists 添加。" "No stop-lists: import them, or POST them to /api/v1/stop-lists.";
    Lifted "已解除" "lifted";
    AllLots "全部批号" "all lots";
    WhereItWent "去向（件）" "Where it went (units)";
    NowhereYet "没有已拣的召回商品" "No recalled goods were picked";
    LotUnknown "批号未知" "lot not known";
    NotInABox "未装箱" "not in a box";
    Parcel "包裹" "Parcel";
    ReturnCameIn "有退货" "A return came in";
    ExchangeOrder "换货单" "exchange order";
    NumberPending "待取运单号" "Waybill number pending";
    NumberConflict "迟到的运单号未采用：" "A number came late and is not used:";
    NumberHolds "有效号码" "valid is";
    NumberIsRight "号码形状不符但确认无误" "it is right although it does not look like this carrier's";
    EnterNumber "录入运单号" "Enter the number";
    TypeOrScanNumber "扫描或手工输入运单号" "scan or type the waybill number";
    Consignee "收货人" "Consignee";
    Goods "货物" "Goods";
    ChannelRests "渠道暂停" "Channel left alone:";
    YourName "姓名" "Your name";
    OpenAlerts "待处理的异常" "Exceptions that nobody has taken";
    TakeAlert "我来处理" "I take it";
    Target "目标" "Target";
    NothingRefused "没有被拒收的事件" "Nothing was refused";
    CorrectedBy "已更正：" "corrected by";
    WhatIsSent "将发送的内容 (JSON)" "What is sent (JSON)";
    SendAgain "更正并重发" "Correct and send again";
    LetGo "放弃此事件，让后续事件发出" "Let it do without this one, and send what follows";
    TargetDown "不接收任何事件；全部保留并定时重试" "takes nothing; everything waits and is tried from time to time";
    TargetSetup "地址或凭证有误；全部保留，改正后自动续传" "address or credential is wrong; everything waits and goes on once that is put right";
    FailsOn "正在查证：可能只有此事件出错" "being found out: it may fail on this event alone:";
    FailsAlone "只有此事件使对方出错，其他事件正常" "it fails on this event alone, others pass";
    OrdersBehind "个出库单的后续事件在等待" "orders wait behind that";
    EventsBehind "条后续事件在等待，保持先后次序" "later events of its order wait, so that their order is kept";
    TriedAgain "自动重试于" "tried again by itself at";
    Times "次" "times";
    Token "令牌" "Token";
    WrongToken "令牌不对" "This token is not known";
    Enter "进入" "Enter";
    LastRead "最近读码" "last read";
    UpstreamGood "上游同步" "upstream in step";
    UpstreamBehind "上游未发" "upstream waits";
    ClockStepped "系统时间被改动，请核对" "The clock was moved: check it";
    Volume "音量" "Volume";
    Voice "语音" "Voice";
    TakeItOff "已装车的货必须卸下" "Something on the truck must come off";
    Filter "输入以筛选" "Type to filter";
    Phone "电话" "Telephone";
    BeingFilled "打包中" "being filled";
    Sealed "已封箱" "sealed";
}

/// A phrase in a language.
#[must_use]
pub fn phrase(name: Phrase, language: Language) -> &'static str {
    let (chinese, english) = both(name);
    language.pick(chinese, english)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phrase_is_there_in_both_languages() {
        assert!(ALL.len() > 50);
        for name in ALL {
            for language in Language::ALL {
                assert!(!phrase(*name, language).is_empty(), "{name:?}");
            }
        }
    }
}

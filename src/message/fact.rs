//! Facts in words, for an order's story: what happened, as people of the warehouse say it.

use super::{Language, code_title};
use crate::domain::verdict::Code;

/// Facts of the feed, each by its name there, in Chinese and in English.
pub const FACTS: &[(&str, &str, &str)] = &[
    ("scan_refused", "扫描被拒", "Scan refused"),
    ("product_put", "商品已更新", "Product described"),
    ("order_put", "收到订单", "Order received"),
    ("pick_list_put", "收到拣货单", "Pick list received"),
    ("waybill_put", "收到运单", "Waybill received"),
    ("manifest_put", "收到交接清单", "Manifest received"),
    ("operator_put", "操作员已更新", "Operator described"),
    ("waybill_voided", "运单作废", "Waybill voided"),
    ("waybill_assigned", "快递渠道给出单号", "Number given by a channel"),
    ("waybill_pending", "各渠道均未给出单号", "No channel gave a number"),
    ("waybill_entered", "单号由人工录入", "Number entered by hand"),
    ("waybill_conflict", "迟到的单号未采用", "A number came late and is not used"),
    ("waybills_pooled", "预取单号", "Numbers fetched ahead"),
    ("letter_corrected", "被拒事件已更正", "A refused event was corrected"),
    ("alert_taken", "异常有人处理", "An alert was taken"),
    ("order_held", "订单挂起", "Order held"),
    ("order_released", "订单放行", "Order released"),
    ("order_cancelled", "订单取消", "Order cancelled"),
    ("line_cancelled", "行数量取消", "Part of a line cancelled"),
    ("order_readdressed", "收货地址变更", "Consignee changed"),
    ("stage_reached", "到达阶段", "Stage reached"),
    ("order_returned", "有退货", "A return came in"),
    ("short_decided", "短拣已决定", "Short pick decided"),
    ("address_confirmed", "新地址已确认", "New address confirmed"),
    ("waybill_wanted", "需要新的运单号", "A new number is wanted"),
    ("waybill_given_back", "单号已退回快递", "Number returned to its carrier"),
    ("order_differs", "上游要求与已拣不符", "Upstream wants other goods than were picked"),
    ("stop_list_put", "停发名单已更新", "Stop-list changed"),
    ("barcode_taught", "学会新条码", "Barcode taught"),
    ("barcode_forgotten", "条码已归还上游", "Taught barcode given up"),
    ("intercepted", "规则提示（未拦截）", "A rule spoke, the scan passed"),
    ("picked", "已拣", "Picked"),
    ("packed", "已装箱", "Packed"),
    ("verified", "验货并装箱", "Verified and packed"),
    ("undone", "已撤销", "Undone"),
    ("put_back", "已放回货架", "Put back"),
    ("short_recorded", "短拣", "Short"),
    ("parcel_opened", "新开包裹", "Box begun"),
    ("parcel_moved", "包裹移到另一工位", "Box moved to another station"),
    ("parcel_sealed", "包裹封箱", "Box sealed"),
    ("parcel_reopened", "包裹重新打开", "Box opened again"),
    ("waybill_bound", "运单已绑定", "Waybill bound"),
    ("waybill_loaded", "已装车", "Loaded"),
    ("waybill_unloaded", "已卸下", "Taken off the truck"),
    ("bag_opened", "新开集包袋", "Bag opened"),
    ("bagged", "已入袋", "Put into its bag"),
    ("unbagged", "已出袋", "Taken out of its bag"),
    ("label_made", "聚合面单生成", "Aggregated label made"),
    ("label_voided", "聚合面单作废", "Aggregated label void"),
    ("bag_dissolved", "集包袋已清空", "Bag emptied"),
    ("manifest_foreign", "不在交接清单上", "Not on the manifest"),
    ("notes_confirmed", "客户备注已确认", "Customer notes confirmed"),
    ("overridden", "拒绝被放行", "A refusal was let pass"),
    ("manifest_opened", "交接清单打开", "Manifest opened"),
    ("manifest_closed", "交接清单关闭", "Manifest closed"),
    ("work_opened", "开始作业", "Work opened"),
    ("work_taken_over", "作业被接管", "Work taken over"),
    ("work_parked", "作业暂停", "Work put aside"),
    ("work_closed", "作业结束", "Work closed"),
    ("signed_in", "签到", "Signed in"),
    ("signed_out", "签退", "Signed out"),
    ("pin_accepted", "密码正确", "PIN right"),
    ("pin_refused", "密码错误", "PIN wrong"),
    ("print_requested", "请求打印", "Print asked for"),
    ("print_sending", "正在打印", "Printing"),
    ("print_postponed", "打印推迟", "Print waits again"),
    ("print_sent", "已送打印机", "Sent to the printer"),
    ("printed", "已打印", "Printed"),
    ("print_failed", "打印失败", "Print failed"),
    ("print_unknown", "打印结果不明", "Nobody knows whether it was printed"),
    ("print_resolved", "打印结果已确认", "Print settled by a person"),
    ("remembered", "工位记录", "Remembered by a station"),
    ("letter_let_go", "放弃推送", "Let go"),
    ("printer_stopped", "打印机停止", "Printer stopped"),
    ("printer_resumed", "打印机恢复", "Printer works again"),
    ("records_archived", "记录已归档", "Records archived"),
    ("archive_removed", "归档已删除", "Archive removed"),
];

/// The facts that may be exceptions, of which people are told: a stop, a hold, what upstream wants otherwise than it was
/// begun, what is wrong with a number, a print job or a printer.
pub const EXCEPTIONS: &[&str] = &[
    "scan_refused",
    "order_held",
    "order_differs",
    "waybill_pending",
    "waybill_conflict",
    "print_failed",
    "print_unknown",
    "printer_stopped",
];

/// The exception that a target takes nothing any more; it is no fact, and only ladders of escalation tell it.
pub const TARGET_DOWN: &str = "target_down";

/// What a fact is called; its own name where it has no other.
#[must_use]
pub fn fact_title(name: &str, language: Language) -> &str {
    FACTS
        .iter()
        .find(|(known, ..)| *known == name)
        .map_or(name, |(_, chinese, english)| language.pick(chinese, english))
}

/// The title of a verdict by the name of its code; the name where there is no such code.
#[must_use]
pub fn code_name_title(name: &str, language: Language) -> &str {
    Code::ALL.iter().find(|code| code.as_str() == name).map_or(name, |code| code_title(*code, language))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_is_called_something_once_in_both_languages() {
        for (index, (name, chinese, english)) in FACTS.iter().enumerate() {
            assert!(!chinese.is_ascii() && english.is_ascii(), "{name}");
            assert!(FACTS[..index].iter().all(|(other, ..)| other != name), "{name} stands twice");
        }
        assert_eq!(fact_title("bagged", Language::English), "Put into its bag");
        assert_eq!(fact_title("what_nobody_knows", Language::Chinese), "what_nobody_knows");
        assert_eq!(code_name_title("wrong_lot", Language::Chinese), "批号不符");
    }
}

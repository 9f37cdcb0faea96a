// Draws ZPL jobs with zebrash (zpl-renderer-js). The list is JSON: [{"zpl", "png", "width_mm", "height_mm", "dpmm"}].

import { createRequire } from "node:module";
import fs from "node:fs";

const { ready } = createRequire(`${process.env.WAYBIND_TOOLS}/`)("zpl-renderer-js");
const { api } = await ready;
for (const job of JSON.parse(fs.readFileSync(process.argv[2], "utf8"))) {
  const zpl = fs.readFileSync(job.zpl, "utf8");
  const drawn = await api.zplToBase64Async(zpl, job.width_mm, job.height_mm, job.dpmm);
  fs.writeFileSync(job.png, Buffer.from(drawn, "base64"));
}
process.exit(0);

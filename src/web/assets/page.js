// What every page does: it says times as people do, and its tables sort and filter.

import { keep as keepTables } from "./tables.js";
import { keep as keepTimes } from "./times.js";

keepTables(document);
keepTimes(document);

// The page's script: redraws what the reader changes, from the data in #data. Without it the page is whole, in its first
// state. Texts of the data become text nodes, never markup; the policy of the page allows this script and no other.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const texts = data.texts;
  const byCode = new Map(data.economies.map((each) => [each.c, each]));
  const $ = (id) => document.getElementById(id);
  const SVG = "http://www.w3.org/2000/svg";

  // --- words and figures, as words.py writes them ---

  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));

  function say(place, values = {}) {
    const [section, name] = place.split(".");
    const one = texts[section][name + "_one"];
    return fill(String(values.n) === "1" && one !== undefined ? one : texts[section][name], values);
  }

  // Half up on the decimals that are written, not on the binary fraction: 1320.635 is 1,320.64.
  function rounded(value, places) {
    const plain = Math.abs(value);
    const text = String(plain);
    if (text.includes("e")) return plain.toFixed(places);
    return (Number(Math.round(Number(text + "e" + places)) + "e-" + places) || 0).toFixed(places);
  }

  function number(value, places = 0, sign = false) {
    if (value === null || value === undefined) return texts.format.none;
    const [whole, decimals] = rounded(value, places).split(".");
    const marked = whole.replace(/\B(?=(\d{3})+(?!\d))/g, texts.format.thousands);
    const zero = !/[1-9]/.test(whole + (decimals || ""));
    const mark = value < 0 && !zero ? "\u2212" : sign ? "+" : "";
    return mark + marked + (decimals ? texts.format.decimal + decimals : "");
  }

  const percent = (value, places = 1, sign = false) =>
    value === null || value === undefined ? texts.format.none : say("format.percent", { value: number(value, places, sign) });

  function money(billions) {
    if (billions === null) return texts.format.none;
    if (Math.abs(billions) >= 1000) return say("format.trillion", { value: number(billions / 1000, 1) });
    return say("format.billion", { value: number(billions, Math.abs(billions) < 100 ? 1 : 0) });
  }

  function named(names) {
    const more = names.length > data.named ? ["\u2026 +" + (names.length - data.named)] : [];
    return names.slice(0, data.named).concat(more).join(texts.format.list);
  }

  // --- elements ---

  function element(name, attributes = {}, ...content) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...content);
    return made;
  }

  function drawn(name, attributes = {}, text) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  // A row: [text, kind] a cell, where kind is the cell's class, or "h" for the cell that names the row.
  function row(code, cells) {
    const made = element("tr", code ? { "data-c": code } : {});
    for (const [text, kind] of cells) {
      const cell = element(kind === "h" ? "th" : "td", kind === "h" ? { scope: "row" } : kind ? { class: kind } : {});
      cell.textContent = text;
      made.append(cell);
    }
    return made;
  }

  // As reports/published.py has it: where a cell begins for a spreadsheet, and for one that reads semicolons.
  const ALIVE = /(^|[;\t\r\n])([\s"]*)(?=[-=+@'\uff1d\uff0b\uff0d\uff20])/g;

  function download(name, rows) {
    // A cell that a spreadsheet would take for a formula gets an apostrophe, as the project's own CSV files do.
    const cell = (value) => {
      const text = value === null || value === undefined ? "" : String(value);
      const number = typeof value !== "string" || /^[-+]?[0-9]+(?:\.[0-9]+)?(?:[Ee][-+]?[0-9]+)?$/.test(text);
      const safe = number ? text : text.replace(ALIVE, "$1$2'");
      return /[",\n\r]/.test(safe) ? '"' + safe.replace(/"/g, '""') + '"' : safe;
    };
    const content = rows.map((cells) => cells.map(cell).join(",") + "\n").join("");
    const address = URL.createObjectURL(new Blob([content], { type: "text/csv;charset=utf-8" }));
    const link = element("a", { href: address, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }

  // --- the map ---

  const lands = [...document.querySelectorAll("#map .land")];
  const yearInput = $("map-year");
  const scaleNames = { gdp: "q", growth: "d" };
  const CLASSES = ["none", ...Object.values(scaleNames).flatMap((name) => [0, 1, 2, 3, 4, 5, 6].map((n) => name + n))];

  // GDP of a dataset whose economies have years of their own is, in the picture's year, that of the picture.
  function valueOf(each, measure, year) {
    if (measure === "gdp" && year === data.year && (data.own_years || each.g !== null)) return each.g;
    const value = each[measure][data.years.indexOf(year)];
    return value === undefined ? null : value;
  }

  function classOf(value, measure) {
    if (value === null) return "none";
    return scaleNames[measure] + data.breaks[measure].filter((each) => each <= value).length;
  }

  const isForecast = (each, year) => each.from !== null && year >= each.from;

  function drawMap() {
    const year = Number(yearInput.value);
    const measure = document.querySelector('input[name="map-measure"]:checked').value;
    const words = texts.map[measure];
    let counted = 0;
    let ahead = 0;
    for (const each of data.economies) {
      if (valueOf(each, measure, year) !== null) {
        counted += 1;
        ahead += isForecast(each, year) ? 1 : 0;
      }
    }
    for (const land of lands) {
      const each = byCode.get(land.dataset.c);
      const value = each ? valueOf(each, measure, year) : null;
      land.classList.remove(...CLASSES);
      land.classList.add(classOf(value, measure));
      if (each) land.querySelector("title").textContent = told(each, measure, year, value);
    }
    const title = say(!ahead ? "map.of" : ahead < counted ? "map.of_some" : "map.of_forecast", { measure: words, year });
    $("map-year-out").textContent = year;
    $("map-caption").textContent = title;
    $("map-lead").textContent = texts.map[measure + "_lead"];
    $("map-title").textContent = title;
    $("map-desc").textContent = say("map.desc", { measure: words, year });
    $("map-said").textContent = counted ? say("map.counted", { n: number(counted), year }) : say("map.none", { year });
    for (const name of Object.keys(data.breaks)) $("legend-" + name).hidden = name !== measure;
    const body = $("map-table").tBodies[0];
    body.replaceChildren(...data.economies.map((each) => row(each.c, [
      [each.n, "h"], [number(valueOf(each, "gdp", year), 2), "n"], [number(valueOf(each, "growth", year), 2), "n"]])));
    $("map-table").caption.textContent = title;
  }

  function told(each, measure, year, value) {
    const text = value === null ? texts.map.no_value
      : say("map." + measure + "_value", { value: number(value, measure === "gdp" ? 2 : 1) });
    const own = data.own_years && measure === "gdp" && year === data.year && each.y ? each.y : year;
    return say(value !== null && isForecast(each, own) ? "map.forecast" : "map.value", { name: each.n, year: own, value: text });
  }

  // --- the ranking ---

  const rankRows = [...document.querySelectorAll("#rank-table tbody tr")];
  const plain = (text) => text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
  const found = new Map(data.economies.map((each) => [each.c, plain(each.n + " " + each.c + " " + each.s)]));
  // What the report was asked for (its N largest) holds until the reader asks for something else.
  let listed = rankRows.filter((each) => !each.hidden);
  let whole = false;

  function filterRanking() {
    const words = plain($("rank-search").value).split(/\s+/).filter(Boolean);
    const region = $("rank-region").value;
    const least = Number($("rank-least").value);
    listed = rankRows.filter((line) => {
      const each = byCode.get(line.dataset.c);
      return words.every((word) => found.get(each.c).includes(word)) && (!region || data.regions[each.r] === region)
        && (least === 0 || each.g >= least);
    });
    showRanking();
  }

  function showRanking() {
    const shown = new Set(whole ? listed : listed.slice(0, data.short));
    for (const line of rankRows) line.hidden = !shown.has(line);
    const values = { n: number(listed.length), count: number(rankRows.length), most: number(shown.size) };
    $("rank-count").textContent = !listed.length ? texts.ranking.nothing
      : say(shown.size < listed.length ? "ranking.short" : "ranking.shown", values);
    $("rank-more").hidden = listed.length <= data.short;
    $("rank-more").textContent = whole ? texts.ranking.fewer : texts.ranking.more;
  }

  function saveRanking() {
    const heads = ["rank", "iso3", "country", "region", "subregion", "year", "gdp_usd_billion", "growth_percent",
      "gdp_per_head_usd", "population_million", "inflation_percent"];
    download(texts.ranking.file, [heads, ...listed.map((line) => {
      const each = byCode.get(line.dataset.c);
      const place = data.years.indexOf(each.y);
      const growth = place < 0 ? null : each.growth[place];
      return [rankRows.indexOf(line) + 1, each.c, each.n, data.regions[each.r], each.s, each.y, each.g, growth,
        each.head, each.people, each.inflation];
    })]);
  }

  // --- a country's history ---

  const chooser = $("country");
  let chosen = chooser ? chooser.value : "";

  // The lines of all editions, the oldest first: each older one is the one after it, with its own steps.
  function linesOf(each) {
    const lines = [each.gdp.slice()];
    for (let at = each.steps.length - 1; at >= 0; at -= 1) {
      const older = lines[0].slice();
      const step = each.steps[at];
      for (let pair = 0; pair < step.length; pair += 2) older[step[pair]] = step[pair + 1];
      lines.unshift(older);
    }
    return lines;
  }

  function ticks(low, high, count = 5) {
    const top = high <= low ? low + 1 : high;
    const rough = (top - low) / count;
    const unit = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 2.5, 5, 10].map((each) => each * unit).find((each) => each >= rough * 0.999);
    const first = Math.floor(low / step + 1e-9);
    const levels = [first * step];
    while (levels[levels.length - 1] < top - step * 1e-9) levels.push((first + levels.length) * step);
    return levels;
  }

  const pathOf = (line, x, y, from, to) => {
    let pen = "M";
    let path = "";
    for (let at = from; at < to; at += 1) {
      if (line[at] === null || line[at] === undefined) { pen = "M"; continue; }
      const alone = pen === "M" && (at + 1 === to || line[at + 1] === null || line[at + 1] === undefined);
      path += pen + x(at).toFixed(1) + " " + y(line[at]).toFixed(1) + (alone ? "h0" : ""); // a year alone is a dot
      pen = "L";
    }
    return path;
  };

  function drawHistory() {
    const each = byCode.get(chosen);
    if (!each) return;
    const late = $("country-span").value === "late" ? Math.max(data.years.length - 20, 0) : 0;
    const years = data.years.slice(late);
    const lines = linesOf(each).map((line) => line.slice(late));
    const now = lines.pop();
    const frame = $("history-frame");
    const wide = Math.max(Math.min(frame.clientWidth || 760, 1100), 300);
    const high = wide < 500 ? 260 : 340;
    const [above, right, below, left] = [16, 16, 28, 64];
    const values = [now, ...lines].flat().filter((value) => value !== null && value !== undefined);
    const levels = ticks(Math.min(0, ...values), Math.max(...values, 0));
    const low = levels[0];
    const unit = (high - above - below) / (levels[levels.length - 1] - low);
    const x = (at) => left + ((wide - left - right) * at) / Math.max(years.length - 1, 1);
    const y = (value) => high - below - (value - low) * unit;
    const start = each.from === null ? -1 : years.indexOf(each.from);
    const title = say("country.chart", { name: each.n });
    const svg = drawn("svg", { viewBox: `0 0 ${wide} ${high}`, role: "img", class: "chart history", id: "history",
      "aria-labelledby": "history-title history-desc" });
    svg.append(drawn("title", { id: "history-title" }, title), drawn("desc", { id: "history-desc" }, say("country.desc", {
      name: each.n, first: years.length ? years[0] : "", last: years.length ? years[years.length - 1] : "", n: lines.length })));
    if (start >= 0) {
      const at = (x(Math.max(start - 1, 0)) + x(start)) / 2; // half a year before the first forecast
      svg.append(drawn("rect", { x: at.toFixed(1), y: above, width: (wide - right - at).toFixed(1),
        height: high - above - below, class: "future" }));
      svg.append(drawn("text", { x: wide - right - 4, y: above + 14, class: "words end" }, texts.country.forecast));
    }
    for (const level of levels) {
      svg.append(drawn("line", { x1: left, x2: wide - right, y1: y(level), y2: y(level), class: level === 0 ? "axis" : "grid" }));
      svg.append(drawn("text", { x: left - 8, y: y(level), dy: 4, class: "words end" },
        number(level, Number.isInteger(level) ? 0 : rounded(level, 6).replace(/0+$/, "").split(".")[1].length)));
    }
    const every = [1, 2, 5, 10, 20, 50, 100].find((step) => years.length / step <= wide / 70);
    years.forEach((year, at) => {
      if (year % every === 0) svg.append(drawn("text", { x: x(at).toFixed(1), y: high - 8, class: "words middle" }, year));
    });
    const addLine = (path, kind, at) => {
      const made = drawn("path", { d: path, class: kind, "data-v": data.vintages[at] });
      made.append(drawn("title", {}, data.editions[at]));
      svg.append(made);
    };
    lines.forEach((line, at) => addLine(pathOf(line, x, y, 0, years.length), "older", at));
    const split = start < 0 ? years.length : start;
    addLine(pathOf(now, x, y, 0, split), "newest", lines.length);
    if (start >= 0) addLine(pathOf(now, x, y, Math.max(start - 1, 0), years.length), "newest ahead", lines.length);
    const guide = drawn("line", { y1: above, y2: high - below, class: "axis", visibility: "hidden" });
    svg.append(guide);
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const at = Math.round((((event.clientX - box.left) * wide) / box.width - left) / Math.max(x(1) - x(0), 1e-9));
      if (at < 0 || at >= years.length) return;
      guide.setAttribute("x1", x(at));
      guide.setAttribute("x2", x(at));
      guide.setAttribute("visibility", "visible");
      readOut(each, years[at], at, now, lines);
    });
    frame.replaceChildren(svg);
    $("history-caption").textContent = values.length ? title : say("country.none", { name: each.n });
    drawFacts(each);
    drawTable(each, years, now, lines, title);
    const place = years.indexOf(data.year);
    if (place >= 0) readOut(each, data.year, place, now, lines);
  }

  function readOut(each, year, at, now, lines) {
    const earlier = lines.map((line, edition) => [line[at], data.editions[edition]])
      .filter(([value]) => value !== null && value !== undefined).sort(([one], [other]) => one - other);
    const parts = [say("country.now", { year, value: number(now[at], 2) })];
    if (earlier.length) {
      const [low, first] = earlier[0];
      const [high, last] = earlier[earlier.length - 1];
      parts.push(say("country.range", { low: number(low, 2), first, high: number(high, 2), last }));
    }
    $("history-said").textContent = parts.join(" ");
  }

  function drawFacts(each) {
    const place = data.years.indexOf(each.y || data.year);
    const none = texts.format.none;
    const figures = {
      gdp: money(each.g), growth: percent(place < 0 ? null : each.growth[place], 1, true),
      head: each.head === null ? none : say("country.head_value", { value: number(each.head) }),
      people: each.people === null ? none : say("country.people_value", { value: number(each.people, 1) }),
      inflation: percent(each.inflation), risk: percent(each.m ? each.m[3] : null),
    };
    $("country-facts").replaceChildren(...Object.entries(figures).map(([name, value]) => element("div", {},
      element("dt", {}, texts.country[name]),
      element("dd", {}, element("strong", {}, value), element("span", {}, name === "risk" ? texts.country.risk_note : String(each.y || data.year))))));
  }

  function drawTable(each, years, now, lines, title) {
    const columns = [now, ...lines.slice().reverse()];
    const body = $("history-table").tBodies[0];
    body.replaceChildren(...years.map((year, at) => row("", [
      [String(year), "h"], ...columns.map((line) => [number(line[at], 2), "n"])])).reverse());
    $("history-table").caption.textContent = title;
  }

  function choose(code, go) {
    if (!byCode.has(code)) return;
    chosen = code;
    chooser.value = code;
    for (const line of rankRows) line.classList.toggle("chosen", line.dataset.c === code);
    for (const land of lands) land.classList.toggle("chosen", land.dataset.c === code);
    drawHistory();
    if (go) $("country-part").scrollIntoView();
  }

  // --- the market screen ---

  const MEASURES = ["size", "growth", "steady", "risk"];
  const usable = MEASURES.map((name, at) => data.economies.some((each) => each.p && each.p[at] !== null));

  const weights = () => MEASURES.map((name) => Number($("weight-" + name).value));

  // As screen.score: 100 times the weighted mean of the shares, null where one that counts is not known.
  function scoreOf(each, given) {
    let total = 0;
    let value = 0;
    for (let at = 0; at < given.length; at += 1) {
      if (!usable[at] || !given[at]) continue;
      if (each.p[at] === null) return null;
      total += given[at];
      value += given[at] * each.p[at];
    }
    return total ? (100 * value) / total : 0;
  }

  function screened() {
    const least = Number($("screen-least").value);
    const given = weights();
    const inside = data.economies.filter((each) => each.p && (least === 0 || each.g >= least));
    const scored = inside.map((each) => [each, scoreOf(each, given)]);
    const order = ([a, one], [b, other]) => other - one || b.g - a.g || (a.c < b.c ? -1 : 1);
    return [scored.filter(([, value]) => value !== null).sort(order), scored.filter(([, value]) => value === null)];
  }

  function drawScreen() {
    for (const name of MEASURES) $("weight-" + name + "-out").textContent = $("weight-" + name).value;
    const [rows, lacking] = screened();
    const shown = rows.slice(0, data.first);
    $("screen-table").tBodies[0].replaceChildren(...shown.map(([each, value], at) => row(each.c, [
      [String(at + 1), "n"], [each.n, "h"], [number(value, 1), "n score"], ...each.m.map((measure) => [number(measure, 2), "n"])])));
    $("screen-count").textContent = shown.length
      ? say("screen.shown", { n: number(shown.length), count: number(rows.length) }) : texts.screen.nobody;
    $("screen-unscored").textContent = lacking.length
      ? say("screen.unscored", { n: number(lacking.length), names: named(lacking.map(([each]) => each.n)) }) : "";
  }

  function saveScreen() {
    const given = weights();
    const heads = ["rank", "iso3", "country", "region", "score", "gdp_usd_billion", "mean_growth_percent",
      "growth_deviation_points", "mean_revision_percent", ...MEASURES.map((name) => "weight_" + name)];
    download(texts.screen.file, [heads, ...screened()[0].map(([each, value], at) => [
      at + 1, each.c, each.n, data.regions[each.r], Number(value.toFixed(4)), ...each.m, ...given])]);
  }

  // --- the page itself ---

  function setTheme(name) {
    if (name === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = name;
  }

  function rememberTheme(name) {
    try {
      if (name !== undefined) localStorage.setItem("world-economies-theme", name);
      return localStorage.getItem("world-economies-theme") || "auto";
    } catch (refused) {
      return name || "auto"; // a browser may keep nothing for files
    }
  }

  // The page may be read long after it was made: then it says so itself.
  function warnOfAge() {
    const now = new Date();
    const days = (from) => Math.floor((now - new Date(from + "T00:00:00Z")) / 86400000);
    if (data.stale || !data.stale_after || !data.published || days(data.published.slice(0, 10)) <= data.stale_after) return;
    $("warnings").prepend(element("li", {}, say("warning.later", { n: number(days(data.made)) })));
    $("warning").hidden = false;
  }

  // A page that lacks figures lacks parts: what is not there has nothing to listen to.
  function on(id, event, act) {
    if ($(id)) $(id).addEventListener(event, act);
  }

  for (const each of document.querySelectorAll(".scripted")) each.hidden = false;
  const theme = rememberTheme();
  setTheme(theme);
  $("theme").value = theme;
  on("theme", "change", () => { rememberTheme($("theme").value); setTheme($("theme").value); });
  warnOfAge();
  on("map-year", "input", drawMap);
  for (const each of document.querySelectorAll('input[name="map-measure"]')) each.addEventListener("change", drawMap);
  on("map", "click", (event) => {
    const land = event.target.closest(".land");
    if (land) choose(land.dataset.c, true);
  });
  on("rank-search", "input", filterRanking);
  on("rank-region", "change", filterRanking);
  on("rank-least", "change", filterRanking);
  on("rank-more", "click", () => { whole = !whole; showRanking(); });
  on("rank-csv", "click", saveRanking);
  on("rank-table", "click", (event) => {
    const line = event.target.closest("tbody tr");
    if (line) choose(line.dataset.c, true);
  });
  if ($("rank-table")) showRanking();
  on("country", "change", () => choose(chooser.value, false));
  on("country-span", "change", drawHistory);
  if (chooser) choose(chosen, false);
  if (chooser) window.addEventListener("resize", drawHistory);
  for (const name of MEASURES) on("weight-" + name, "input", drawScreen);
  on("screen-least", "change", drawScreen);
  on("screen-reset", "click", () => {
    MEASURES.forEach((name, at) => { $("weight-" + name).value = data.weights[at]; });
    drawScreen();
  });
  on("screen-csv", "click", saveScreen);
})();

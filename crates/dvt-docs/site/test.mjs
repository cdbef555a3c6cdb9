// Opens the built page in headless Chromium and checks what it shows: node test.mjs [--screenshots FOLDER]
//
// Needs a `chromium` (or CHROMIUM=path) and nothing else; Chromium is spoken to over its debugging pipe.

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { bigProject, shop } from "./sample.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const page = readFileSync(join(here, "..", "page", "index.html"), "utf8");
const flag = process.argv.indexOf("--screenshots");
const pictures = flag > 0 ? process.argv[flag + 1] : null;
if (pictures) mkdirSync(pictures, { recursive: true });
const work = mkdtempSync(join(tmpdir(), "dvt-docs-test-"));

// What `dvt docs generate --static` writes.
export function staticPage(project) {
  const inline = (value) => () => JSON.stringify(value).replaceAll("<", "\\u003c");
  return page.replace('"MANIFEST.JSON INLINE DATA"', inline(project.manifest)).replace('"CATALOG.JSON INLINE DATA"', inline(project.catalog));
}

class Browser {
  constructor() {
    const command = process.env.CHROMIUM || "chromium";
    const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe", `--user-data-dir=${join(work, "profile")}`, "--window-size=1440,900"];
    this.process = spawn(command, flags, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    this.process.on("error", (error) => {
      console.error(`${command} cannot be started: ${error.message}`);
      process.exit(2);
    });
    this.waiting = new Map();
    this.problems = [];
    this.next = 1;
    let rest = "";
    this.process.stdio[4].on("data", (data) => {
      const messages = (rest + data).split("\0");
      rest = messages.pop();
      for (const message of messages) this.hear(JSON.parse(message));
    });
  }

  hear(message) {
    if (message.id) {
      const { resolve, reject } = this.waiting.get(message.id);
      this.waiting.delete(message.id);
      if (message.error) reject(new Error(JSON.stringify(message.error)));
      else resolve(message.result);
    } else if (message.method === "Runtime.exceptionThrown") {
      this.problems.push(message.params.exceptionDetails.exception?.description || message.params.exceptionDetails.text);
    } else if (message.method === "Page.javascriptDialogOpening") {
      this.problems.push(`a dialog opened: ${message.params.message}`);
    }
  }

  send(method, params = {}, sessionId = this.session) {
    const id = this.next++;
    this.process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }

  async open(url) {
    if (!this.session) {
      const { targetId } = await this.send("Target.createTarget", { url: "about:blank" }, undefined);
      this.session = (await this.send("Target.attachToTarget", { targetId, flatten: true }, undefined)).sessionId;
      await this.send("Page.enable");
      await this.send("Runtime.enable");
    }
    // A change of the fragment alone would not load the page anew.
    await this.send("Page.navigate", { url: "about:blank" });
    await this.send("Page.navigate", { url });
    await this.until("document.documentElement.dataset.ready === 'true' || document.querySelector('.notice')");
  }

  async run(expression) {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.exception?.description || exceptionDetails.text}`);
    return result.value;
  }

  async until(condition, milliseconds = 30000) {
    const end = Date.now() + milliseconds;
    while (Date.now() < end) {
      if (await this.run(`Boolean(${condition})`).catch(() => false)) return;
      await new Promise((done) => setTimeout(done, 50));
    }
    throw new Error(`never came true: ${condition}`);
  }

  async go(hash) {
    await this.run(`location.hash = ${JSON.stringify(hash)}; new Promise((done) => setTimeout(done, 60))`);
  }

  async picture(name) {
    if (!pictures) return;
    await new Promise((done) => setTimeout(done, 400));
    const { data } = await this.send("Page.captureScreenshot", { format: "png" });
    writeFileSync(join(pictures, `${name}.png`), Buffer.from(data, "base64"));
  }
}

let failures = 0;
function check(name, found, wanted = true) {
  const right = JSON.stringify(found) === JSON.stringify(wanted);
  if (!right) failures += 1;
  console.log(`${right ? "ok  " : "FAIL"} ${name}${right ? "" : `: ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`}`);
}

const browser = new Browser();
const text = (selector) => `[...document.querySelectorAll(${JSON.stringify(selector)})].map((one) => one.textContent.trim())`;

async function pages() {
  const file = join(work, "static_index.html");
  writeFileSync(file, staticPage(shop()));
  await browser.open(pathToFileURL(file).href);
  check("a static page opens from a file", await browser.run("document.querySelector('h1').textContent"), "shopdocumentation");
  check("the overview is the project's docs block", await browser.run("document.querySelector('.markdown h2').textContent"), "The shop");
  await browser.picture("overview");

  await browser.go("#!/model/model.shop.orders");
  check("a model's page says what it is", await browser.run("document.querySelector('h1').textContent"), "Mordersmodel");
  check("columns come with the catalog's types", await browser.run(text(".columns .column-type")), ["bigint", "bigint", "numeric(12,2)", "text", "text"]);
  check("columns have their tests", await browser.run(text(".columns tbody tr:first-child .test")), ["unique", "not_null"]);
  check("a relationship says where it leads", await browser.run(text(".columns tbody tr:nth-child(2) .test")), ["relationships → customers.id"]);
  check("the route follows from the connections", await browser.run(text(".chip.route-federate")), ["routefederate"]);
  check("parents and children are linked", await browser.run(text(".related a.resource span:last-child")), ["stg_orders", "stg_payments", "daily revenue", "revenue"]);
  check("source and compiled SQL are there", await browser.run(text(".code-box .tab")), ["Source", "Compiled"]);
  await browser.picture("model");
  await browser.run("document.querySelector('.lineage-panel').scrollIntoView()");
  await browser.picture("model-lineage");

  check("HTML of a description stays text", await browser.run("document.querySelectorAll('.markdown script, .markdown iframe, .markdown [onerror], .markdown svg').length"), 0);
  check("nothing of it ran", await browser.run("window.hacked === undefined"));
  check("links lead only where links may", await browser.run("[...document.querySelectorAll('.markdown a')].map((one) => one.getAttribute('href'))"), ["https://example.com/orders"]);
  check("tables of Markdown are tables", await browser.run(text(".markdown table td")), ["placed", "not paid"]);

  await browser.run("const box = document.getElementById('search'); box.value = 'payment amount'; box.dispatchEvent(new Event('input'))");
  check("search finds names and columns", (await browser.run(text(".results .leaf-name")))[0], "crm.payments");
  await browser.picture("search");
  await browser.run("const box2 = document.getElementById('search'); box2.value = ''; box2.dispatchEvent(new Event('input'))");

  for (const [kind, wanted] of [["Database", ["crm", "shop"]], ["Groups", ["finance"]], ["Tags", ["daily", "pii"]], ["Project", ["shop", "utils"]]]) {
    await browser.run(`[...document.querySelectorAll('.trees .tab')].find((tab) => tab.textContent === '${kind}').click()`);
    check(`the tree by ${kind.toLowerCase()}`, await browser.run(text(".tree > details > summary .branch-name")), wanted);
  }
  check("the tree shows where the page is", await browser.run("document.querySelector('.tree a.current').dataset.id"), "model.shop.orders");

  for (const [hash, title] of [["#!/exposure/exposure.shop.revenue_board", "Edaily revenueexposure"], ["#!/metric/metric.shop.revenue", "#revenuemetric"], ["#!/macro/macro.shop.cents", "{}centsmacro"], ["#!/source/source.shop.crm.customers", "Scrm.customerssource"], ["#!/test/test.shop.unique_orders_id.1", "Tunique_orders_iddata test"]]) {
    await browser.go(hash);
    check(hash, await browser.run("document.querySelector('h1').textContent"), title);
  }
  await browser.go("#!/model/model.shop.orders?g_v=1");
  check("dbt's address of a graph shows the graph", await browser.run("Boolean(document.querySelector('.graph-page canvas'))"));
  await browser.go("#!/graph");
  const nodes = await browser.run("document.querySelector('.graph-page').graph.nodes.length");
  check("the lineage holds all resources", nodes, 9);
  check("edges between connections are told apart", await browser.run("document.querySelector('.graph-page').graph.edges.filter((edge) => edge.crosses).length"), 1);
  await browser.run("const page1 = document.querySelector('.graph-page'); page1.graph.choose(page1.graph.nodes.find((node) => node.one.name === 'orders').one, false)");
  check("a chosen node has a card", await browser.run("document.querySelector('.card h2').textContent"), "Morders");
  await browser.picture("lineage");
  await browser.run("document.querySelector('.switch input').click()");
  await browser.run("[...document.querySelectorAll('.tools select')].at(-1).value = 'connection'; [...document.querySelectorAll('.tools select')].at(-1).dispatchEvent(new Event('change'))");
  await browser.picture("lineage-columns");
  await browser.run("document.querySelector('.icon').click()");
  await browser.go("#!/model/model.shop.orders");
  await browser.picture("dark");
  await browser.run("document.querySelector('.icon').click()");
}

async function served() {
  const project = shop();
  const server = createServer((request, response) => {
    const body = { "/": page, "/manifest.json": JSON.stringify(project.manifest), "/catalog.json": JSON.stringify(project.catalog) }[request.url.split("?")[0]];
    response.writeHead(body ? 200 : 404, { "content-type": request.url.endsWith(".json") ? "application/json" : "text/html" }).end(body || "");
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  await browser.open(`http://127.0.0.1:${server.address().port}/`);
  check("a served page reads the files beside it", await browser.run("document.querySelector('h1').textContent"), "shopdocumentation");
  server.close();
  const file = join(work, "index.html");
  writeFileSync(file, page);
  await browser.open(pathToFileURL(file).href);
  check("a page opened as a file asks for the files", await browser.run("Boolean(document.querySelector('.notice input[type=file]'))"));
}

async function big() {
  const file = join(work, "big.html");
  writeFileSync(file, staticPage(bigProject(5000)));
  const start = Date.now();
  await browser.open(`${pathToFileURL(file).href}#!/graph`);
  await browser.until("document.querySelector('.graph-page').graph.nodes.length >= 5000 && document.querySelector('.graph-page').graph.drawn !== undefined");
  console.log(`     5,000 nodes: first picture after ${Date.now() - start} ms`);
  // One frame while the hand moves, and one after it rests.
  const frames = (moves) =>
    browser.run(`(() => {
      const graph = document.querySelector(".graph-page").graph;
      const times = [];
      for (let step = 0; step < ${moves ? 30 : 5}; step += 1) {
        graph.view.x += 3;
        const start = performance.now();
        graph.paintFrame(${moves});
        graph.context.getImageData(0, 0, 1, 1);
        times.push(performance.now() - start);
      }
      return times.sort((one, two) => one - two)[times.length >> 1];
    })()`);
  const [wholeRest, whole] = [await frames(false), await frames(true)];
  await browser.picture("big");
  await browser.run("const page2 = document.querySelector('.graph-page'); page2.graph.choose(page2.graph.nodes[2500].one, true)");
  const [nearRest, near] = [await frames(false), await frames(true)];
  const shown = (value) => `${value.toFixed(1)} ms`;
  console.log(`     seen whole: moving ${shown(whole)} a frame, at rest ${shown(wholeRest)}; near: ${shown(near)}, ${shown(nearRest)}`);
  check("5,000 nodes move with at least 20 frames a second, without a graphics card", whole < 50 && near < 50);
  check("and are painted anew within a second", wholeRest < 1000 && nearRest < 1000);
  await browser.picture("big-near");
  const searched = await browser.run(`(() => {
    const box = document.getElementById("search");
    const times = [1, 12, 123, 1234, 4999].map((number) => {
      const start = performance.now();
      box.value = "model_" + number;
      box.dispatchEvent(new Event("input"));
      return performance.now() - start;
    });
    return times.sort((one, two) => one - two)[2];
  })()`);
  console.log(`     a search takes ${shown(searched)}`);
  check("a search among them takes less than 100 ms", searched < 100);
}

try {
  await pages();
  await served();
  await big();
  check("no script failed", browser.problems, []);
} catch (error) {
  failures += 1;
  console.error(error, browser.problems);
} finally {
  browser.process.kill();
  await new Promise((done) => browser.process.on("exit", done));
  rmSync(work, { recursive: true, force: true, maxRetries: 5 });
}
process.exit(failures ? 1 : 0);

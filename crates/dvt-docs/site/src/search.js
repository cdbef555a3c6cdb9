// Search over names, columns, tags, descriptions and code: every word must be found, names count most.

export class Search {
  constructor(project) {
    this.entries = [...project.resources.values()]
      .filter((one) => one.type !== "operation" && one.enabled && !(one.type === "macro" && project.internalPackages.has(one.package)))
      .map((one) => {
        const columns = Object.keys(one.node.columns || {}).concat(Object.keys((one.catalog && one.catalog.columns) || {}));
        return {
          one,
          name: one.search,
          tags: one.tags.join(" ").toLowerCase(),
          columns: [...new Set(columns.map((column) => column.toLowerCase()))].join(" "),
          description: one.description.toLowerCase(),
          code: String(one.node.raw_code || one.node.macro_sql || "").toLowerCase(),
          weight: one.type === "test" || one.type === "unit_test" ? -25 : one.type === "macro" ? -10 : 0,
        };
      });
  }

  find(text, limit = 60) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return [];
    const found = [];
    for (const entry of this.entries) {
      let score = entry.weight;
      let where = "";
      for (const word of words) {
        const [points, place] = this.rate(entry, word);
        if (!points) {
          score = null;
          break;
        }
        score += points;
        where = where || place;
      }
      if (score !== null) found.push({ one: entry.one, score: score - entry.name.length / 100, where });
    }
    found.sort((left, right) => right.score - left.score);
    return found.slice(0, limit);
  }

  rate(entry, word) {
    if (entry.one.name.toLowerCase() === word || entry.one.label.toLowerCase() === word) return [100, "name"];
    if (entry.name.startsWith(word)) return [80, "name"];
    if (entry.name.includes(word)) return [60, "name"];
    if (entry.tags.includes(word)) return [45, "tag"];
    if (entry.columns.includes(word)) return [40, "column"];
    if (entry.description.includes(word)) return [30, "description"];
    if (entry.code.includes(word)) return [15, "code"];
    return [0, ""];
  }
}

/**
 * The circles of a graph: groups of nodes that reach each other (Tarjan 1972).
 *
 * @param {ReadonlyMap<string, Iterable<string>>} graph what each node points at
 * @returns {string[][]}
 */
export function cyclesIn(graph) {
  const order = new Map()
  const lowest = new Map()
  const stack = []
  const cycles = []
  for (const node of graph.keys()) if (!order.has(node)) visit(node)
  return cycles

  function visit(node) {
    order.set(node, order.size)
    lowest.set(node, order.get(node))
    stack.push(node)
    for (const next of graph.get(node) ?? []) {
      if (!order.has(next)) {
        visit(next)
        lower(node, lowest.get(next))
      } else if (stack.includes(next)) lower(node, order.get(next))
    }
    if (lowest.get(node) !== order.get(node)) return
    const group = stack.splice(stack.indexOf(node))
    if (group.length > 1) cycles.push(group)
  }

  function lower(node, to) {
    lowest.set(node, Math.min(lowest.get(node), to))
  }
}

// memlab's own dominators and retained sizes of a .heapsnapshot: one line a node, in the file's order.
// Arguments: the folder that has node_modules, the snapshot, the file to write.
const path = require('path');
const fs = require('fs');
const [folder, snapshot, output] = process.argv.slice(2);
const {getFullHeapFromFile} = require(path.join(folder, 'node_modules', '@memlab', 'heap-analysis'));

getFullHeapFromFile(snapshot).then(heap => {
  const lines = [];
  heap.nodes.forEach(node => lines.push(node.retainedSize));
  fs.writeFileSync(output, lines.join('\n') + '\n');
}).catch(error => {
  console.error(error);
  process.exit(1);
});

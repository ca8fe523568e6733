const assert = require('node:assert');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');

require('reflect-metadata');
const { dependencies } = require('./package.json');
for (const name of Object.keys(dependencies).filter((name) => name.startsWith('@genrocks/'))) {
  const manifest = readFileSync(join('node_modules', name, 'package.json'), 'utf8');
  for (const entry of Object.keys(JSON.parse(manifest).exports)) {
    const loaded = require(join(name, entry));
    assert.ok(Object.keys(loaded).length > 0, `${join(name, entry)} exports nothing`);
  }
}

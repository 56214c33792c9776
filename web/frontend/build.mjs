// Bundles every top-level file of src/ into web/static/dist with hashed names and a manifest.
// src/NAME.js and src/NAME.css are entries; what they import lives in folders below src/.
import { build } from 'esbuild';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, '..', 'static', 'dist');
const fresh = `${target}.new`;
const entries = readdirSync(join(here, 'src'), { withFileTypes: true })
  .filter((entry) => entry.isFile() && ['.js', '.css'].includes(extname(entry.name)))
  .map((entry) => entry.name)
  .sort();

rmSync(fresh, { recursive: true, force: true });
mkdirSync(fresh, { recursive: true });
const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: entries.map((name) => ({ in: `src/${name}`, out: basename(name, extname(name)) })),
  bundle: true,
  minify: true,
  format: 'esm',
  splitting: true,
  target: ['es2022'],
  outdir: fresh,
  entryNames: '[name]-[hash]',
  chunkNames: 'chunk-[hash]',
  assetNames: 'asset-[hash]',
  loader: { '.woff': 'file', '.woff2': 'file', '.ttf': 'file', '.eot': 'file', '.svg': 'file', '.png': 'file' },
  define: { 'process.env.NODE_ENV': '"production"' },
  legalComments: 'linked', // the licences travel beside the bundles
  metafile: true,
  logLevel: 'warning',
});

const manifest = {};
const record = (name, file) => {
  if (name in manifest) throw new Error(`src/: two sources for ${name}; move the imported style sheet into a folder`);
  manifest[name] = basename(file);
};
for (const [file, output] of Object.entries(metafile.outputs)) {
  if (!output.entryPoint) continue;
  const name = basename(output.entryPoint);
  record(name, file);
  if (output.cssBundle && extname(name) === '.js') record(`${basename(name, '.js')}.css`, output.cssBundle);
}
const sorted = Object.fromEntries(Object.entries(manifest).sort());
writeFileSync(join(fresh, 'manifest.json'), `${JSON.stringify(sorted, null, 1)}\n`);

if (existsSync(target)) rmSync(target, { recursive: true, force: true });
renameSync(fresh, target);
let bytes = 0;
for (const output of Object.values(metafile.outputs)) bytes += output.bytes;
console.log(`${Object.keys(sorted).length} entries, ${(bytes / 1024).toFixed(0)} KiB`);

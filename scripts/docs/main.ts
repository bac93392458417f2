import { writeFile } from 'node:fs/promises'
import { madeDocuments } from './made-documents.ts'

// `npm run docs`: makes docs/api.md, docs/configuration.md and .env.example of the sources,
// and the tables of BENCHMARKS.md of the results.
for (const [path, text] of await madeDocuments()) {
  await writeFile(new URL(`../../${path}`, import.meta.url), text)
}

// Before packing: copies the C++ sources of the repository into the package, so that it can be built where it is
// installed. After packing (`--remove`): removes the copy.
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
const copy = join(PACKAGE, 'native')

rmSync(copy, { recursive: true, force: true })
if (!process.argv.includes('--remove')) {
  for (const part of ['CMakeLists.txt', 'package.json', 'src']) {
    cpSync(join(PACKAGE, '..', '..', 'native', part), join(copy, part), { recursive: true })
  }
}

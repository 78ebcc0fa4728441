// npm run build: everything that demo, test, golden and bench run on.
import { bootstrap } from './bootstrap.mjs'

await bootstrap({ nativeTests: true })

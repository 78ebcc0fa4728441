import { type DeviceInfo, deviceInfo } from '@llft/runtime'

/** What keeps peers to an instruction set that is not the best of the machine. */
export interface PeerLimit {
  /** Variables that PyTorch, its oneDNN and its MKL read. MKL minds its own on Intel's processors only. */
  readonly environment: Readonly<Record<string, string>>
  /** The build of llama.cpp's kernels, as its file names have it. */
  readonly llamaBackend: string
}

const LIMITS: Readonly<Record<string, PeerLimit>> = {
  portable: { environment: torchLimit('default', 'SSE41', 'SSE4_2'), llamaBackend: 'x64' },
  avx2: { environment: torchLimit('avx2', 'AVX2', 'AVX2'), llamaBackend: 'haswell' },
  avx512: {
    environment: torchLimit('avx512', 'AVX512_CORE_VNNI', 'AVX512'),
    llamaBackend: 'cascadelake',
  },
}

function torchLimit(aten: string, onednn: string, mkl: string): Record<string, string> {
  return {
    ATEN_CPU_CAPABILITY: aten,
    ONEDNN_MAX_CPU_ISA: onednn,
    MKL_ENABLE_INSTRUCTIONS: mkl,
  }
}

/** Nothing where ours uses the best that the machine has: peers then choose for themselves. */
export function peerLimit(device: DeviceInfo = deviceInfo()): PeerLimit | undefined {
  const { isa, isas } = device
  return isa === isas[0] ? undefined : LIMITS[isa]
}

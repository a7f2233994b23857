// Prints the addresses and ports of each service that it reads, and an empty line behind.
const dns = require('dns').promises
const lines = require('readline').createInterface({ input: process.stdin })

const nothing = ['ENOTFOUND', 'ENODATA']

async function answer(service) {
  try {
    for (const srv of await dns.resolveSrv(service)) {
      for (const address of await dns.resolve4(srv.name)) console.log(`${address}:${srv.port}`)
    }
  } catch (e) {
    if (!nothing.includes(e.code)) console.log('!', e.message)
  }
  console.log()
}

lines.on('line', answer)

// Prints the addresses of each host that it reads, and an empty line behind.
const dns = require('dns').promises
const lines = require('readline').createInterface({ input: process.stdin })

const nothing = ['ENOTFOUND', 'ENODATA']

async function answer(host) {
  try {
    for (const found of await dns.lookup(host, { all: true })) console.log(found.address)
  } catch (e) {
    if (!nothing.includes(e.code)) console.log('!', e.message)
  }
  console.log()
}

lines.on('line', answer)

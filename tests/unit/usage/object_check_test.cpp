// Objects that disagree: each fault planted alone in a sound heap, in every version.
#include "heapparse/usage/object_check.h"

#include <functional>

#include "tests/unit/census/world.h"

using namespace coreheap;
using namespace coreheap::usage;
using census::testing::World;
using python::synthetic::gil_layouts;
using python::synthetic::HeapBuilder;

namespace {

struct Scene {
  explicit Scene(const layouts::Layout& layout) : heap(layout) {
    item = heap.tuple({heap.str("an item")});
    list = heap.list({item, heap.str("another")});
    outer = heap.tuple({list});
    items = Address{heap.memory.read<std::uint64_t>(list + layout.list.items.offset)};
    heap.boot();
  }
  ObjectCheck check() {
    World world(heap);
    const census::Census census = world.census();
    auto result = check_objects(census, world.image, world.runtime, world.types, world.job);
    REQUIRE(result.has_value());
    CHECK(result->found == result->findings.size());
    return std::move(*result);
  }

  HeapBuilder heap;
  Address item, list, outer, items;
};

void look_for(const char* what, const std::function<void(Scene&)>& damage,
              Address Scene::*holder = &Scene::list) {
  for (const layouts::Layout* layout : gil_layouts()) {
    INFO(layout->name << " " << what);
    Scene scene(*layout);
    damage(scene);
    const ObjectCheck result = scene.check();
    bool found = false;
    for (const Finding& f : result.findings) {
      INFO(f.address.value << " " << f.what << " " << f.evidence);
      if (f.address == scene.*holder && f.what == what) found = true;
    }
    CHECK(found);
  }
}

}  // namespace

TEST_CASE("a sound heap has nothing to find, in every version") {
  for (const layouts::Layout* layout : gil_layouts()) {
    INFO(layout->name);
    Scene scene(*layout);
    const ObjectCheck result = scene.check();
    for (const Finding& f : result.findings) {
      INFO(f.address.value << " " << f.what << " " << f.evidence);
      CHECK(false);
    }
    CHECK(result.objects > 10);
    CHECK(result.references > 3);
  }
}

TEST_CASE("a reference to a block that was freed is found at its holder") {
  look_for("reference to a freed block", [](Scene& s) { s.heap.free_block(s.item); });
}

TEST_CASE("a reference that leads out of memory is found at its holder") {
  look_for("reference leads out of memory", [](Scene& s) { s.heap.word(s.items, 0x123456789ab0); });
}

TEST_CASE("a reference to what is no object is found at its holder") {
  look_for("reference to what is no object", [](Scene& s) { s.heap.word(s.items, s.items.value); });
}

TEST_CASE("an object whose type word was written over is what its holder can no longer reach") {
  look_for("reference to what is no object", [](Scene& s) {
    s.heap.word(s.item + s.heap.layout.object.type.offset, 0x4141414141414141);
  });
}

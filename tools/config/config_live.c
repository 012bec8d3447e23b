// SPDX-License-Identifier: Apache-2.0
#include "tools/config/config_live.h"

#include "storage/zone/zone.h"

static enum corong_status load_range(struct config *config, const struct yaml_place *place)
{
    static const char *const RANGES[] = {"all", "day", NULL};
    uint32_t index;
    TRY(yaml_walk_word(place, RANGES, &index));
    config->live_range = index == 0 ? ENGINE_LIVE_ALL : ENGINE_LIVE_DAY;
    return CORONG_OK;
}

static enum corong_status load_zone(struct config *config, struct arena *arena,
                                    const struct yaml_place *place)
{
    struct text name;
    struct corong_error inner;
    struct zone *zone = arena_allocate_zeroed(arena, 1, sizeof(*zone));
    TRY(yaml_walk_text(place, &name));
    if (zone_load(zone, arena, arena_copy_text(arena, name), &inner) != CORONG_OK) {
        return yaml_walk_fail(place, CORONG_INVALID, "%s", inner.message);
    }
    config->live_zone = zone;
    return CORONG_OK;
}

enum corong_status config_live_load(struct config *config, struct arena *arena,
                                    const struct yaml_place *place)
{
    static const char *const KEYS[] = {"range", "zone", NULL};
    if (place->node == NULL) {
        return CORONG_OK;
    }
    if (yaml_walk_is_scalar(place)) { // `live: all`, short for { range: all }
        return load_range(config, place);
    }
    TRY(yaml_walk_check_keys(place, KEYS));
    struct yaml_place range = yaml_walk_key(place, arena, "range");
    struct yaml_place zone = yaml_walk_key(place, arena, "zone");
    if (range.node != NULL) {
        TRY(load_range(config, &range));
    }
    return zone.node == NULL ? CORONG_OK : load_zone(config, arena, &zone);
}
